"""The checks as a person reads them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Check, Diff
from offlineimap_m365.doctor.output.text_report import Text
from tests.unit.terminal_output import look

if TYPE_CHECKING:
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE, BOB = "alice@example.org", "bob@example.org"
LOGIN = "offlineimap-m365 login alice@example.org"
GOOD = Check("clock", ok=True, meaning="The clock differs from the server's by 2 s", account=ALICE)
UNTOLD = Check("token", ok=None, meaning="The access token is opaque", account=ALICE)
BAD = Check(
    "refresh",
    ok=False,
    meaning="Microsoft refused to sign in alice@example.org. The password was changed",
    remedy=Remedy("Sign in again", LOGIN),
    account=ALICE,
    code="AADSTS50173",
    correlation_id="019827f4-0000-1111-2222-333344445555",
)
SKIPPED = [
    Check(name, ok=None, meaning="Not tried because of refresh", account=ALICE, since="refresh")
    for name in ("token", "imap-sign-in")
]
LINE = Check(
    "auth-mechanisms",
    ok=False,
    meaning="OfflineIMAP would ask for a password",
    remedy=Remedy("Put the line there as shown"),
    file="/home/alice/.offlineimaprc",
    line=12,
    diff=Diff("-remotepass = hunter2\n", "-remotepass = <hidden>\n", "offlineimap-m365 doctor --diff | patch"),
)


def begin(monkeypatch: pytest.MonkeyPatch, *, verbose: bool = False) -> Text:
    """Return the text for one account on a terminal of 60 columns."""
    look(monkeypatch, 60)
    return Text(several=False, verbose=verbose)


def lines_of(text: Text, *checks: Check) -> list[str]:
    """Return the lines about *checks*, without the end."""
    return [line for check in checks for line in text.tell(check)]


def test_what_is_good_takes_one_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark, name and meaning stand in columns, cut to the terminal."""
    text = begin(monkeypatch)
    lines = lines_of(text, GOOD, UNTOLD)

    assert lines == [
        "✓ clock                The clock differs from the server's…",
        "– token                The access token is opaque",  # noqa: RUF001 - a dash
    ]


def test_verbose_shows_a_line_for_each_fact(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -v nothing is cut, and each detail has its line."""
    check = dataclasses.replace(GOOD, details=("first", "second"))

    lines = lines_of(begin(monkeypatch, verbose=True), check)

    assert lines == ["✓ clock", "    The clock differs from the server's by 2 s.", "    first", "    second"]


def test_a_pipe_gets_whole_lines(world: World) -> None:
    """Nothing is cut, wrapped or coloured without a terminal."""
    text = Text(several=False, verbose=False)

    assert lines_of(text, GOOD)[0].endswith("The clock differs from the server's by 2 s")
    assert lines_of(text, BAD)[1] == f"    {BAD.meaning}."


def test_a_failure_says_what_it_means_and_what_helps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meaning, Microsoft's reference, advice, and the command on a line of its own."""
    assert lines_of(begin(monkeypatch), BAD) == [
        "✗ refresh",
        "    Microsoft refused to sign in alice@example.org. The",
        "    password was changed.",
        "    AADSTS50173, correlation id",
        "    019827f4-0000-1111-2222-333344445555",
        "    Sign in again. Run:",
        f"        {LOGIN}",
    ]


def test_checks_that_were_not_tried_share_a_line_at_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the failure that is shown; with -v each has its line, with that reason."""
    text, verbose = begin(monkeypatch), begin(monkeypatch, verbose=True)

    lines = lines_of(text, BAD, *SKIPPED, GOOD)
    lines_of(verbose, BAD)

    assert not any(check.name in line for line in lines for check in SKIPPED)
    assert "Not tried because of what failed: token, imap-sign-in" in text.end(offline=False)[0]
    assert len(lines_of(verbose, *SKIPPED)) == 4
    assert not any("Not tried" in line for line in verbose.end(offline=False))


def test_a_finding_in_a_file_has_its_line_and_the_diff_at_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File and line number; once the diff without secrets, and the command that applies it."""
    text = begin(monkeypatch)

    assert lines_of(text, LINE) == [
        "✗ auth-mechanisms",
        "    /home/alice/.offlineimaprc:12 OfflineIMAP would ask for",
        "    a password.",
    ]
    lines_of(text, LINE)
    assert text.end(offline=False) == [
        "",
        "-remotepass = <hidden>",
        "",
        "Apply this diff:",
        "        offlineimap-m365 doctor --diff | patch",
        "",
        "2 of 2 checks failed. First apply the diff",
    ]


def test_a_command_is_never_wrapped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is: half of it would be another command."""
    command = "offlineimap-m365 login somebody@example.org --authority https://login.example.org/tenant --imap a:993"
    check = Check("login-host", ok=False, meaning="It is wrong", remedy=Remedy("", command))

    assert f"        {command}" in lines_of(begin(monkeypatch), check)


def test_several_accounts_have_headings(world: World) -> None:
    """Each account is named once, before its first check; checks of the machine come before all."""
    text = Text(several=True, verbose=False)
    checks = [
        Check("home", ok=True, meaning="It is closed"),
        GOOD,
        UNTOLD,
        Check("clock", ok=True, meaning="It is right", account=BOB),
        LINE,
    ]

    lines = lines_of(text, *checks)

    headings = [ALICE, BOB, "In /home/alice/.offlineimaprc"]
    assert [line for line in lines if line in headings] == headings
    assert [lines[lines.index(heading) - 1] for heading in headings] == [""] * 3
    assert lines.count("") == 3


def test_of_many_accounts_only_what_failed_is_shown(world: World) -> None:
    """An administrator with hundreds finds the one that fails."""
    text = Text(several=True, verbose=False, many=True)
    checks = [dataclasses.replace(check, account=name) for check in (GOOD, BAD) for name in (ALICE, BOB)]

    lines = lines_of(text, Check("home", ok=True, meaning="It is closed"), *checks[:3])

    assert [line[:10] for line in lines][:4] == ["✓ home    ", "", ALICE[:10], "✗ refresh"]
    assert text.end(offline=False)[-1].startswith("1 of 4 checks failed. ")


@pytest.mark.parametrize(
    ("checks", "last"),
    [
        ([GOOD, GOOD], "All is well: 2 checks."),
        ([GOOD], "All is well: 1 check."),
        ([GOOD, UNTOLD], "Nothing failed: 1 of 2 checks are good, 1 could not be made."),
        ([GOOD, BAD, UNTOLD], f"1 of 3 checks failed. First run: {LOGIN}"),
        ([GOOD, LINE, BAD], "2 of 3 checks failed. First apply the diff"),
        (
            [Check("x", ok=False, meaning="M", remedy=Remedy("Ask the administrator"), account=ALICE)],
            "1 of 1 check failed. Begin with the check x of alice@example.org",
        ),
        (
            [Check("x", ok=False, meaning="M", remedy=Remedy("Grant it", "New-Thing -AppId 1", "powershell"))],
            "1 of 1 check failed. In PowerShell, first run: New-Thing -AppId 1",
        ),
    ],
)
def test_the_last_line_says_what_to_do_first(
    world: World, monkeypatch: pytest.MonkeyPatch, checks: list[Check], last: str
) -> None:
    """How many failed of how many, and the first command; or that all is well."""
    text = begin(monkeypatch)
    lines_of(text, *checks)

    assert text.end(offline=False)[-2:] == ["", last]


def test_what_was_left_out_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --offline nobody may think that the network was checked."""
    text = begin(monkeypatch)
    lines_of(text, GOOD)

    assert "--offline" in text.end(offline=True)[1]


def test_ascii_where_there_is_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks have a spelling in ASCII, in the same columns."""
    look(monkeypatch, 60, "ascii")
    text = Text(several=False, verbose=False)

    lines = [text.tell(check)[0] for check in (GOOD, BAD, UNTOLD)]

    assert [line[:5] for line in lines] == ["ok cl", "!! re", "-- to"]
    assert all(line.isascii() and len(line) <= 60 for line in lines)


def test_text_from_elsewhere_is_fit_to_show(world: World) -> None:
    """Controls in any part of a check reach no terminal, and a line break makes no second command."""
    text = Text(several=True, verbose=True)
    nasty = "a\x1b[2J\u202eb\nreboot"
    fields: dict[str, Any] = {field.name: nasty for field in dataclasses.fields(Check)}
    fields |= {
        "name": "x",
        "ok": False,
        "remedy": Remedy(nasty, nasty),
        "line": 1,
        "diff": None,
        "details": (nasty,),
    }

    lines = lines_of(text, Check(**{**fields, "since": None}), Check(**{**fields, "ok": True, "since": None}))
    lines += text.end(offline=False)

    assert [line for line in lines if not line.isprintable()] == []
    assert f"        {Remedy('', nasty).command}" in lines


def test_what_is_copied_keeps_its_characters(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No quote of a name becomes one that ends a word of the shell or a text of Python, where only ASCII is shown."""
    look(monkeypatch, 60, "ascii")
    text = Text(several=False, verbose=False)
    command = errors.quoted("o\u2019;reboot;\u2019@example.org")
    diff = Diff("", '+drop = ["a\'\u201d; x"]', command)

    lines = lines_of(text, dataclasses.replace(BAD, remedy=Remedy("", command)), dataclasses.replace(LINE, diff=diff))
    lines += text.end(offline=False)

    assert [line.strip() for line in lines].count(command) == 2
    assert '+drop = ["a\'\u201d; x"]' in lines
