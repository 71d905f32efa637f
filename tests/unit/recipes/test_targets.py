"""What ``config`` was asked for: account and program in any order, and lists of mailboxes."""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.recipes import targets
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from tests.world import World


def test_account_and_program_are_read_in_any_order(world: World) -> None:
    """Both may be left out; a package's name is one of its program's."""
    meant = {
        "": (None, "offlineimap"),
        ALICE: (ALICE, "offlineimap"),
        f"{ALICE} msmtp": (ALICE, "msmtp"),
        f"msmtp {ALICE}": (ALICE, "msmtp"),
        "getmail6": (None, "getmail"),
        f"{ALICE} git send-email": (ALICE, "git-send-email"),
    }

    assert {words: targets.account_and_program(words.split()) for words in meant} == meant


def test_a_word_that_is_neither_is_named(world: World) -> None:
    """Wrong usage, with the similar programs."""
    for words, unknown, similar in (
        (["Offlineimap"], "Offlineimap", "offlineimap"),
        (["mutt", "xyz"], "xyz", ""),
        (["mutt", ALICE, "msmtp"], "mutt", "mutt"),
        ([""], "", ""),
    ):
        with pytest.raises(errors.WrongUsage, match=re.escape(repr(unknown))) as caught:
            targets.account_and_program(words)

        assert similar in caught.value.remedy.advice
        assert caught.value.remedy.command == "offlineimap-m365 config --list"


LISTS = (
    "# ours\n\n  alice@example.org \n  # theirs\ninfo@example.org\n",
    '"PrimarySmtpAddress"\r\n"alice@example.org"\r\n"info@example.org"\r\n"ALICE@example.org"\r\n',
    '#TYPE X\r\n"DisplayName","PrimarySmtpAddress"\r\n"A, B","alice@example.org"\r\n"C; D","info@example.org"\r\n',
    "DisplayName;PrimarySmtpAddress\r\nAlice;alice@example.org\r\nInfo;info@example.org\r\n",
    '"PrimarySmtpAddress";"DisplayName"\r\n"alice@example.org";"A, B"\r\n"info@example.org";"C"\r\n',
    'alice@example.org;"A, B"\ninfo@example.org;C, D\n',
)


def test_a_list_of_mailboxes_is_read(world: World, subtests: pytest.Subtests) -> None:
    """One address a line, or a CSV file as PowerShell and spreadsheets export it; each address once."""
    path = world.root / "boxes"
    for text, encoding in itertools.product(LISTS, ("utf-8", "utf-8-sig", "utf-16")):
        with subtests.test(text=text, encoding=encoding):
            path.write_bytes(text.encode(encoding))

            found = targets.mailboxes([f"@{path}", "mu\u0308ller@example.org"])

            assert found == [ALICE, "info@example.org", "m\u00fcller@example.org"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe\xff", "cannot be read"),
        (b"# nothing\n", "names none"),
        (b"a b@example.org\n", "Line 1 "),
        (b"a" * 200_000 + b"@example.org\n", "Line 1 "),
        (b"alice@example.org\n\ninfo@example.org # team\n", "Line 3 "),
    ],
)
def test_a_list_that_is_wrong_is_refused(world: World, content: bytes | None, reason: str) -> None:
    """Wrong usage for a pipe, which is not waited for, a list without mailboxes, and a line without an address."""
    path = world.root / "boxes"
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)

    with pytest.raises(errors.WrongUsage, match=reason):
        targets.mailboxes([f"@{path}"])
