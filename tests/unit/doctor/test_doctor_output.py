"""The checks as a person reads them, and the report for a public place: an allow list of what names nobody."""

from __future__ import annotations

import dataclasses
import json
import platform
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.check import Check, Diff
from offlineimap_m365.doctor.output import public_report
from offlineimap_m365.doctor.output.text_report import Text
from offlineimap_m365.recipes import limits
from tests.unit.terminal_output import look

if TYPE_CHECKING:
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE, BOB = "alice@example.org", "bob@example.org"
LOGIN = "offlineimap-m365 login alice@example.org"
HOME = Check("home", ok=True, meaning="It is closed")
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
SKIPPED = Check("imap-sign-in", ok=None, meaning="Not tried because of refresh", account=ALICE, since="refresh")
LINE = Check(
    "auth-mechanisms",
    ok=False,
    meaning="OfflineIMAP would ask for a password",
    remedy=Remedy("Put the line there as shown"),
    file="/home/alice/.offlineimaprc",
    line=12,
    diff=Diff("-remotepass = hunter2\n", "-remotepass = <hidden>\n", "offlineimap-m365 doctor --diff | patch"),
)


def begin(monkeypatch: pytest.MonkeyPatch, *, verbose: bool = False, encoding: str = "utf-8") -> Text:
    """Return the text for one account on a terminal of 60 columns."""
    look(monkeypatch, 60, encoding)
    return Text(several=False, verbose=verbose)


def lines_of(text: Text, *checks: Check, offline: bool = False) -> list[str]:
    """Return the lines about *checks*, and the end."""
    return [*(line for check in checks for line in text.tell(check)), *text.end(offline=offline)]


def test_each_check_has_its_lines_and_a_command_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is good is cut to one line; a failure has its meaning, Microsoft's reference and a command to copy."""
    assert lines_of(begin(monkeypatch), GOOD, UNTOLD, BAD, SKIPPED, LINE, LINE) == [
        "✓ clock                The clock differs from the server's…",
        "– token                The access token is opaque",  # noqa: RUF001 - a dash
        "✗ refresh",
        "    Microsoft refused to sign in alice@example.org. The",
        "    password was changed.",
        "    AADSTS50173, correlation id",
        "    019827f4-0000-1111-2222-333344445555",
        "    Sign in again. Run:",
        f"        {LOGIN}",
        *2 * [
            "✗ auth-mechanisms",
            "    /home/alice/.offlineimaprc:12 OfflineIMAP would ask for",
            "    a password.",
        ],
        "– Not tried, since each needs a check that failed:",  # noqa: RUF001 - a dash
        "imap-sign-in",
        "",
        "-remotepass = <hidden>",
        "",
        "Apply this diff:",
        "        offlineimap-m365 doctor --diff | patch",
        "",
        f"3 of 6 checks failed. First run: {LOGIN}",
    ]  # fmt: skip


def test_verbose_shows_a_line_for_each_fact(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -v nothing is cut, each detail has its line, and so has what was not tried."""
    check = dataclasses.replace(GOOD, details=("first", "second"))

    assert lines_of(begin(monkeypatch, verbose=True), check, SKIPPED)[:-2] == [
        "✓ clock",
        "    The clock differs from the server's by 2 s.",
        "    first",
        "    second",
        "– imap-sign-in",  # noqa: RUF001 - a dash
        "    Not tried because of refresh.",
    ]


def test_several_accounts_have_headings(world: World) -> None:
    """Each account is named once, before its first check; of many accounts only what failed is shown."""
    checks = [HOME, GOOD, UNTOLD, dataclasses.replace(GOOD, account=BOB), LINE]

    lines = lines_of(Text(several=True, verbose=False), *checks)

    headings = [ALICE, BOB, "In /home/alice/.offlineimaprc"]
    assert [line for line in lines if line in headings] == headings
    assert [lines[lines.index(heading) - 1] for heading in headings] == [""] * 3

    checks = [HOME, dataclasses.replace(GOOD, account=BOB), GOOD, BAD]
    lines = lines_of(Text(several=True, verbose=False, many=True), *checks)
    assert [line[:10] for line in lines][:4] == ["✓ home    ", "", ALICE[:10], "✗ refresh"]
    assert lines[-1].startswith("1 of 4 checks failed. ")


def test_the_last_line_says_what_to_do_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many failed of how many, and the first command; with --offline nobody may think the network was checked."""
    asks = Check("x", ok=False, meaning="M", remedy=Remedy("Ask the administrator"), account=ALICE)
    powershell = dataclasses.replace(asks, remedy=Remedy("Grant it", "New-Thing -AppId 1", "powershell"))
    for checks, last in (
        ([GOOD, GOOD], "All is well: 2 checks."),
        ([GOOD], "All is well: 1 check."),
        ([GOOD, UNTOLD], "Nothing failed: 1 of 2 checks are good, 1 could not be made."),
        ([GOOD, LINE, BAD], "2 of 3 checks failed. First apply the diff"),
        ([asks], "1 of 1 check failed. Begin with the check x of alice@example.org"),
        ([powershell], "1 of 1 check failed. In PowerShell, first run: New-Thing -AppId 1"),
    ):
        lines = lines_of(begin(monkeypatch), *checks, offline=True)

        assert lines[-3:] == ["", lines[-2], last]
        assert "--offline" in lines[-2]


def test_ascii_where_there_is_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks have a spelling in ASCII; in a command or a diff no quote of a name becomes one that ends a word."""
    text = begin(monkeypatch, encoding="ascii")
    command = errors.quoted("o\u2019;reboot;\u2019@example.org")
    diff = Diff("", '+drop = ["a\'\u201d; x"]', command)

    lines = [text.tell(check)[0] for check in (GOOD, BAD, UNTOLD)]
    copied = lines_of(text, dataclasses.replace(BAD, remedy=Remedy("", command)), dataclasses.replace(LINE, diff=diff))

    assert [line[:5] for line in lines] == ["ok cl", "!! re", "-- to"]
    assert all(line.isascii() and len(line) <= 60 for line in lines)
    assert [line.strip() for line in copied].count(command) == 2
    assert '+drop = ["a\'\u201d; x"]' in copied


def test_text_from_elsewhere_is_fit_to_show(world: World) -> None:
    """Controls in any part of a check reach no terminal, and a line break makes no second command."""
    nasty = "a\x1b[2J\u202eb\nreboot"
    fields: dict[str, Any] = {field.name: nasty for field in dataclasses.fields(Check)}
    fields |= {"name": "x", "ok": False, "remedy": Remedy(nasty, nasty), "line": 1, "diff": None, "details": (nasty,)}
    fields["since"] = None

    lines = lines_of(Text(several=True, verbose=True), Check(**fields), Check(**{**fields, "ok": True}))

    assert [line for line in lines if not line.isprintable()] == []
    assert f"        {Remedy('', nasty).command}" in lines


# In a public place

PRIVATE = "alice@uni.example"


def test_no_text_of_a_check_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a check with a private word in every field: its name, outcome, a number, and codes of Microsoft and OAuth."""
    second = Check("store", ok=True, meaning="", account="b@x.example")
    monkeypatch.setattr(limits, "version", lambda _: None)  # no program is started for it
    fields: dict[str, Any] = {field.name: PRIVATE for field in dataclasses.fields(Check)}
    for code, shown in ((PRIVATE, "other"), ("AADSTS50173", "AADSTS50173"), ("invalid_grant", "invalid_grant")):
        first = Check(**{**fields, "name": "refresh", "ok": False, "code": code})
        found = public_report.document([first, second, first])

        published = {"name": "refresh", "ok": False, "account": 1, "code": shown}
        assert found["checks"] == [published, {"name": "store", "ok": True, "account": 2}, published]
        assert PRIVATE not in json.dumps(found)


def test_versions_and_platform_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of the libraries are there; a kernel's name, which users can choose, is cut to its numbers."""
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-alice-laptop")

    found = public_report.document([])

    assert found["versions"][errors.COMMAND] == __version__
    assert found["versions"]["msal"]
    assert "6.1.0" in found["platform"]
    assert "alice" not in found["platform"]
