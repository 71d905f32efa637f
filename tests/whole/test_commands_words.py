"""The commands ``explain`` and ``config``: what a failure means, and what to write where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.whole.mail_user import sign_in_quickly
from tests.whole.terminal import files_of, product

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

ALICE, NOBODY = "alice@example.org", "nobody@example.org"


@pytest.fixture
def user(world: World) -> World:
    """Return somebody with this package who is not signed in."""
    return product(world)


@pytest.fixture
def alice(user: World, entra: Entra) -> World:
    """Return Alice, signed in."""
    entra.access_token_seconds = 3600
    sign_in_quickly(user, entra)
    return user


@pytest.mark.parametrize(
    ("words", "stdin", "first"),
    [
        (["50076"], None, "AADSTS50076"),
        (["AADSTS50076"], None, "AADSTS50076"),
        ([ALICE, "AADSTS50076"], None, "AADSTS50076"),
        (["invalid_grant"], None, "invalid_grant"),
        (["Need", "admin", "approval"], None, "An administrator"),
        (["99999999"], None, "AADSTS99999999"),
        (
            ["-"],
            "Sorry\nAADSTS53003: Blocked\nCorrelation Id: 019827f4-372b-7726-8110-db46f130cd8f",
            "AADSTS53003, correlation",
        ),
    ],
)
def test_explain_says_what_it_means(
    alice: World, entra: Entra, words: list[str], stdin: str | None, first: str
) -> None:
    """Code, meaning and what to do, for this client and account; without a request."""
    entra.forget()
    done = alice.run("explain", *words, stdin=stdin)

    assert (done.code, done.err, entra.requests) == (0, "", [])
    assert done.out.startswith(first)
    assert 2 <= len(done.out.partition("\n\n")[0].splitlines()) <= 6


def test_explain_tells_of_the_last_failure(alice: World, entra: Entra) -> None:
    """With an account alone it is the last failure that is told, one without a code of Microsoft's as well."""
    nothing = alice.run("explain", ALICE)
    alice.age(ALICE, left=-5)
    entra.fail_next("refresh_token", status=503)
    alice.run("token", ALICE)
    away = alice.run("explain", ALICE)

    assert (nothing.code, away.code) == (0, 0)
    assert "the last request succeeded" in nothing.out
    assert "HTTP 503" in away.out


def test_config_changes_nothing(alice: World) -> None:
    """Whatever it is asked, no file is written; it says so, on stderr."""
    before = {name: (alice.home / name).read_bytes() for name in files_of(alice)}
    done = [
        alice.run("config", *words) for words in ([], ["msmtp"], [ALICE, "offlineimap"], ["--list"], ["--pythonfile"])
    ]

    assert [outcome.code for outcome in done] == [0] * 5, done
    assert {name: (alice.home / name).read_bytes() for name in files_of(alice)} == before
    assert "Nothing was changed" in done[0].err
    assert done[4].out == f"{alice.home}/pythonfile.py\n"
    assert "offlineimap" in done[3].out


def test_config_before_a_login(user: World) -> None:
    """The defaults, and a line that says so; the home is not made for it."""
    done = user.run("config", ALICE)

    assert done.code == 0
    assert "remotehost = outlook.office365.com" in done.out
    assert f"{ALICE} is not signed in: these are the defaults" in done.err
    assert not user.home.exists()


def test_config_for_many_mailboxes(alice: World) -> None:
    """One section per mailbox, all named once in accounts; the account in quotes where the mailbox is another's."""
    (alice.root / "boxes").write_text("# ours\ninfo@example.org\n\ninfo@example.com\n", encoding="utf-8")
    done = alice.run("config", ALICE, "--mailbox", ALICE, "--mailbox", f"@{alice.root}/boxes")

    assert done.code == 0, done.err
    assert "accounts = alice, info-example.org, info-example.com\n" in done.out
    assert done.out.count("[general]") == 1
    assert done.out.count(f'get_access_token("{ALICE}", 1800)') == 2
