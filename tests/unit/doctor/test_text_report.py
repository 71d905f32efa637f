"""What the doctor found, as a person reads it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.output.text_report import Text, command_in
from tests.unit.looked_at import look

if TYPE_CHECKING:
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE, BOB = "alice@example.org", "bob@example.org"
GOOD = Check("clock", ok=True, meaning="The clock differs from the server's by 2 s", account=ALICE)
UNTOLD = Check("imap-list", ok=None, meaning="Not tried, since nobody could sign in", account=ALICE)
BAD = Check(
    "refresh",
    ok=False,
    meaning="Microsoft refused to sign in alice@example.org. The password was changed",
    remedy="Sign in again. Run: offlineimap-m365 login alice@example.org",
    account=ALICE,
    code="AADSTS50173",
    correlation_id="019827f4-0000-1111-2222-333344445555",
)
LINE = Check(
    "auth-mechanisms",
    ok=False,
    meaning="OfflineIMAP would ask for a password",
    remedy="Put the line there as shown",
    file="/home/alice/.offlineimaprc",
    line=12,
    corrected="auth_mechanisms = XOAUTH2\noauth2_access_token_eval = get_access_token()",
)


def begin(monkeypatch: pytest.MonkeyPatch) -> Text:
    """Return the text for one account on a terminal of 60 columns."""
    look(monkeypatch, 60)
    return Text(several=False, verbose=False)


def test_a_line_for_each_that_is_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark, name and meaning stand below one another."""
    text = begin(monkeypatch)
    lines = [*text.tell(GOOD), *text.tell(UNTOLD)]

    assert [line.index("The clock") if "The clock" in line else line.index("Not tried") for line in lines] == [23, 23]
    assert [line[:9] for line in lines] == ["✓ clock  ", "– imap-li"]  # noqa: RUF001 - a dash


def test_what_is_well_takes_one_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without -v it is cut to the terminal, or only named on a narrow one; with -v all of it is shown."""
    text = begin(monkeypatch)
    [short] = text.tell(GOOD)
    long = Text(several=False, verbose=True).tell(GOOD)
    monkeypatch.setenv("COLUMNS", "30")

    assert short == "✓ clock                The clock differs from the server's…"
    assert long == ["✓ clock", "    The clock differs from the server's by 2 s"]
    assert text.tell(GOOD) == ["✓ clock"]


def test_a_pipe_gets_whole_lines(world: World) -> None:
    """Where nobody looks nothing is cut, wrapped or coloured."""
    text = Text(several=False, verbose=False)

    assert text.tell(GOOD)[0].endswith("The clock differs from the server's by 2 s")
    assert text.tell(BAD)[1] == f"    {BAD.meaning}."


def test_a_failure_says_what_it_means_and_what_helps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meaning, Microsoft's reference, and the command whole on its line."""
    text = begin(monkeypatch)
    assert text.tell(BAD) == [
        "✗ refresh",
        "    Microsoft refused to sign in alice@example.org. The",
        "    password was changed.",
        "    AADSTS50173, correlation id",
        "    019827f4-0000-1111-2222-333344445555",
        "    Sign in again. Run:",
        "        offlineimap-m365 login alice@example.org",
    ]


def test_a_finding_in_a_file_shows_the_line_as_it_should_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """File and line number, then the corrected lines, to be copied."""
    text = begin(monkeypatch)
    assert text.tell(LINE) == [
        "✗ auth-mechanisms",
        "    OfflineIMAP would ask for a password.",
        "    /home/alice/.offlineimaprc:12, as it should be:",
        "        auth_mechanisms = XOAUTH2",
        "        oauth2_access_token_eval = get_access_token()",
        "    Put the line there as shown",
    ]


def test_several_lines_have_both_numbers(world: World) -> None:
    """The first and the last one, since all between them go."""
    found = Text(several=False, verbose=False).tell(dataclasses.replace(LINE, last_line=14))

    assert "    /home/alice/.offlineimaprc:12-14, as it should be:" in found


@pytest.mark.parametrize(
    ("remedy", "before", "command"),
    [
        ("Run: offlineimap-m365 login a", "Run:", "offlineimap-m365 login a"),
        ("Run again: offlineimap-m365 login a", "Run again:", "offlineimap-m365 login a"),
        (
            "If bob opens it, run: offlineimap-m365 login a --identity bob",
            "If bob opens it, run:",
            "offlineimap-m365 login a --identity bob",
        ),
        ("Ask. In PowerShell: A-B -C d; E-F", "Ask. In PowerShell:", "A-B -C d; E-F"),
        ("In PowerShell: A-B\nC-D", "In PowerShell:", "A-B\nC-D"),
        ("Run: chmod 700 '/home/a b'", "Run:", "chmod 700 '/home/a b'"),
        ("Try again later: offlineimap-m365 refresh a", "Try again later:", "offlineimap-m365 refresh a"),
        ("With --imap HOST:PORT: offlineimap-m365 login a", "With --imap HOST:PORT:", "offlineimap-m365 login a"),
        ("Check the network and try again", "Check the network and try again", ""),
        ("", "", ""),
    ],
)
def test_the_command_of_a_remedy(remedy: str, before: str, command: str) -> None:
    """It is what follows the words that announce it, up to the end."""
    assert command_in(remedy) == (before, command)


def test_a_command_is_never_wrapped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is: half of it would be another command."""
    text = begin(monkeypatch)
    command = "offlineimap-m365 login somebody@example.org --authority https://login.example.org/tenant --imap a:993"

    found = text.tell(Check("login-host", ok=False, meaning="It is wrong", remedy=f"Run: {command}"))

    assert f"        {command}" in found


def test_several_accounts_have_headings(world: World) -> None:
    """Whose checks they are is said once, before the first; what is about the machine comes before all."""
    text = Text(several=True, verbose=False)
    checks = [
        Check("home", ok=True, meaning="It is closed"),
        GOOD,
        UNTOLD,
        Check("clock", ok=True, meaning="It is right", account=BOB),
        LINE,
    ]

    lines = [line for check in checks for line in text.tell(check)]

    headings = [line for line in lines if line and line[0] not in "✓✗– " and line[:2] not in ("ok", "!!", "--")]  # noqa: RUF001
    assert headings == [ALICE, BOB, "In /home/alice/.offlineimaprc"]
    assert lines.count("") == 3
    assert [lines[lines.index(heading) - 1] for heading in headings] == [""] * 3


def test_of_many_accounts_only_those_are_shown_whole_that_need_somebody(world: World) -> None:
    """An administrator with hundreds finds the one that fails: with the others all is well, in one line each."""
    text = Text(several=True, verbose=False, many=True)
    names = [f"u{number}@example.org" for number in range(4)]
    checks = [dataclasses.replace(GOOD, account=name) for name in names for _ in range(2)]
    checks[3] = dataclasses.replace(BAD, account=names[1])

    lines = [line for check in [Check("home", ok=True, meaning="It is closed"), *checks] for line in text.tell(check)]
    lines += text.end(offline=False)

    assert [line for line in lines if names[0] in line] == [f"✓ {names[0].ljust(20)} All is well: 2 checks"]
    start = lines.index(names[1])
    assert lines[start + 1].startswith("✓ clock")
    assert lines[start + 2].startswith("✗ refresh")
    assert [line[:16] for line in lines[-5:-2]] == ["", f"✓ {names[2]}", f"✓ {names[3]}"]
    assert lines[-1].startswith("1 of 9 checks failed. ")


@pytest.mark.parametrize(
    ("checks", "last"),
    [
        ([GOOD, GOOD], "All is well: 2 checks."),
        ([GOOD], "All is well: 1 check."),
        ([GOOD, UNTOLD], "Nothing failed: 1 of 2 checks are good, and 1 could not be told."),
        ([GOOD, BAD, UNTOLD], "1 of 3 checks failed. First: offlineimap-m365 login alice@example.org"),
        ([GOOD, LINE, BAD], "2 of 3 checks failed. First: correct /home/alice/.offlineimaprc:12"),
        (
            [Check("x", ok=False, meaning="M", remedy="Ask the administrator", account=ALICE)],
            "1 of 1 check failed. First: see x of alice@example.org",
        ),
        (
            [Check("x", ok=False, meaning="M", remedy="Grant it. In PowerShell: New-ServicePrincipal -AppId 1")],
            "1 of 1 check failed. First, in PowerShell: New-ServicePrincipal -AppId 1",
        ),
    ],
)
def test_the_last_line_says_what_to_do_first(
    world: World, monkeypatch: pytest.MonkeyPatch, checks: list[Check], last: str
) -> None:
    """How many failed of how many, and the first command; or that all is well."""
    text = begin(monkeypatch)
    for check in checks:
        text.tell(check)

    assert text.end(offline=False) == ["", last]


def test_what_was_left_out_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --offline nobody may think that the network was looked at."""
    text = begin(monkeypatch)
    text.tell(GOOD)

    found = text.end(offline=True)

    assert found[1].startswith("Left out, since --offline asks nobody: the network, ")
    assert found[2] == "All is well: 1 check."


def test_ascii_where_there_is_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks have a spelling, in columns of their own."""
    look(monkeypatch, 60, "ascii")
    text = Text(several=False, verbose=False)

    lines = [text.tell(check)[0] for check in (GOOD, BAD, UNTOLD)]

    assert [line[:5] for line in lines] == ["ok cl", "!! re", "-- im"]
    assert all(line.isascii() and len(line) <= 60 for line in lines)


def test_text_from_elsewhere_is_fit_to_show(world: World) -> None:
    """Controls in any part of a check reach no terminal, colours or not."""
    text = Text(several=True, verbose=True)
    nasty = "a\x1b[2J\u202eb"

    lines = text.tell(
        Check(
            "x",
            ok=False,
            meaning=nasty,
            remedy=f"{nasty} Run: {nasty}",
            account=nasty,
            file=nasty,
            line=1,
            corrected=nasty,
            code=nasty,
        )
    )
    lines += text.tell(Check("x", ok=True, meaning=nasty, account=nasty)) + text.end(offline=False)

    assert all(line.isprintable() for line in lines)


def test_what_is_copied_keeps_its_characters(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No quote of a name becomes one that ends a word of the shell or a text of Python, where only ASCII is shown."""
    look(monkeypatch, 60, "ascii")
    text = Text(several=False, verbose=False)
    command = errors.quoted("o\u2019;reboot;\u2019@example.org")
    check = dataclasses.replace(LINE, remedy=f"Run: {command}", corrected='drop = ["a\'\u201d; x"]')

    lines = [*text.tell(check), *text.tell(dataclasses.replace(check, file=None, corrected=None))]
    lines += text.end(offline=False)

    assert [line.strip() for line in lines if "reboot" in line] == [command, command]
    assert 'drop = ["a\'\u201d; x"]' in [line.strip() for line in lines]


def test_a_command_is_one_line(world: World) -> None:
    """A line break in a name makes no second command out of its rest."""
    text = Text(several=False, verbose=False)

    lines = text.tell(dataclasses.replace(BAD, remedy="Look. Run: true 'a\nreboot\n'"))

    assert lines[-1].strip() == "true 'a reboot '"
