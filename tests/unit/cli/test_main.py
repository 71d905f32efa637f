"""The last door: exit codes, what a bug looks like, who hears what."""

from __future__ import annotations

import dataclasses
import errno
import io
import pkgutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments, commands, main
from offlineimap_m365.cli.commands import status_command
from offlineimap_m365.console import prompt
from offlineimap_m365.plugin import stub
from tests.signed_in_accounts import invent
from tests.unit import terminal_output

if TYPE_CHECKING:
    from tests.world import World

ALICE = "alice@example.org"
LONG = "x" * 50


class Typed(io.StringIO):
    """A terminal at which somebody typed this."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``status`` raise *error*."""

    def run(_: Any) -> int:
        raise error

    monkeypatch.setattr(status_command, "run", run)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.WrongUsage("A fact"), 2),
        (errors.Temporary("A fact"), 75),
        (errors.SignInNeeded("A fact"), 77),
        (errors.Misconfigured("A fact"), 78),
        (errors.M365Error("A fact"), 70),
        (KeyboardInterrupt(), 130),
        (ModuleNotFoundError("No module named 'msal'", name="msal"), 78),
        (ZeroDivisionError(LONG), 70),
    ],
)
def test_every_error_has_its_exit_code(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    """The classes of the contract; nothing on stdout; a bug's own words, which may hold anything, are not shown."""
    assert world
    raising(monkeypatch, error)

    found = main.main(["status"])

    said = capsys.readouterr()
    assert (found, said.out) == (code, "")
    assert LONG not in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words", [["token", "--format", "xoauth2"], ["folders"], ["config"], ["config", "msmtp"], ["setup", "--yes"]]
)
def test_an_application_needs_a_mailbox(world: World, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """An application has no mailbox of its own: 2, and no request."""
    profiles.save(dataclasses.replace(invent("backup"), kind="app-only"))

    code = main.main([*words, "backup"])

    assert world
    assert (code, capsys.readouterr().out) == (2, "")


def test_an_error_is_at_most_six_lines(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, the reference, meaning, remedy; controls in any of them are replaced; where it arose only with -v."""
    error = errors.SignInNeeded(
        "A fact\nwith\x1b[2J lines",
        code="AADSTS50076",
        correlation_id="019827f4",
        time="2026-01-09T02:02:12Z",
        meaning="It means\n\n\nthis",
        remedy=errors.Remedy("Run\rthis"),
    )
    raising(monkeypatch, error)
    main.main(["status"])
    plain = capsys.readouterr().err
    for options in (["-v", "status"], ["status", "-v"]):
        main.main(options)
        verbose = capsys.readouterr().err
        assert verbose.startswith(plain)
        assert "line " in verbose.removeprefix(plain)

    assert plain.splitlines() == [
        "offlineimap-m365: A fact with\ufffd[2J lines",
        "  AADSTS50076, correlation id 019827f4, 2026-01-09T02:02:12Z",
        "  It means   this",
        "  Run this",
    ]


def test_every_command_that_is_offered_is_there() -> None:
    """What the parser knows and what can be run are the same."""
    offered = {f"{command}_command" for command in arguments.COMMANDS}

    assert offered == {found.name for found in pkgutil.iter_modules(commands.__path__)}


@pytest.mark.parametrize(
    "line",
    [
        "loign",
        "logout",
        "store a@b",
        "status --jso",
        "token --min-validity=1e3",
        "token --min-validity=\u0661",
        "login --port=99999",
    ],
)
def test_wrong_usage_is_2_and_names_the_help(world: World, capsys: pytest.CaptureFixture[str], line: str) -> None:
    """No abbreviation, no number that is none; two lines on stderr."""
    assert world
    code = main.main(line.split())

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert "--help" in said.err
    assert len(said.err.splitlines()) == 2


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The help is an answer: stdout, 0."""
    code = main.main([])

    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert set(arguments.COMMANDS) <= set(printed.out.split())


@pytest.mark.parametrize("option", sorted(arguments.REMOVED))
def test_an_option_that_was_removed_is_ignored(world: World, capsys: pytest.CaptureFixture[str], option: str) -> None:
    """Scripts written for release 0.1.0 still run; one line names the option (contract §6)."""
    code = main.main(["status", option])

    assert world
    assert code == 0
    assert [line for line in capsys.readouterr().err.splitlines() if option in line] == [
        f"offlineimap-m365: {option} no longer exists and is ignored"
    ]


def test_scope_does_not_swallow_the_account() -> None:
    """--scope takes one value and may be repeated, wherever ACCOUNT stands."""
    options = arguments.parser().parse_args(["login", "--scope", "imap", "--scope", "smtp", ALICE])

    assert (options.scope, options.account) == (["imap", "smtp"], ALICE)


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, _: str) -> int:
        """Fail."""
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_said_has_no_control_characters_and_is_wrapped_at_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the text holds: a profile, a name from the network, a command with a name in it."""
    terminal_output.look(monkeypatch, 30)
    screen = terminal_output.Screen()
    monkeypatch.setattr(sys, "stderr", screen)

    prompt.say("Somebody\x1b[2J\u202e else is signed in as well. Run:", "offlineimap-m365 login 'a b\x07'")

    assert screen.text.splitlines() == [
        "Somebody\ufffd[2J\ufffd else is signed",
        "in as well. Run:",
        "offlineimap-m365 login 'a b\ufffd'",
    ]


@pytest.mark.parametrize("stream", [None, Full()])
def test_nobody_listens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stream: io.StringIO | None
) -> None:
    """With stderr closed or full, what is said goes nowhere, least of all to stdout."""
    monkeypatch.setattr(sys, "stderr", stream)

    prompt.say("a word")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("typed", "chosen"), [("k\n", "k"), ("KEEP\n", "k"), ("x\nt\n", "t"), ("\n", "a"), ("", "a"), ("x\n", "a")]
)
def test_a_choice_is_one_letter(monkeypatch: pytest.MonkeyPatch, typed: str, chosen: str) -> None:
    """The first letter counts in either case; anything else asks again; Enter and the end of input are the default."""
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    monkeypatch.setattr(sys, "stderr", Typed())

    assert prompt.choose("Keep?", {"k": "keep", "t": "try again", "a": "abort"}, "a") == chosen


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_without_a_terminal_the_default_is_chosen(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    """Nobody is asked who cannot see the question or answer it."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, io.StringIO("k\n") if name == stream else Typed("k\n"))

    assert prompt.choose("Keep?", {"k": "keep", "a": "abort"}, "a") == "a"


def test_any_command_renews_the_stub(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """After an upgrade OfflineIMAP finds the new version as soon as any command was run."""
    path = stub.write_stub()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Written by offlineimap-m365 ", "Written by offlineimap-m365 0.0."), encoding="utf-8")

    code = main.main(["status"])

    assert world
    assert (code, capsys.readouterr().out) == (0, "")
    assert path.read_text(encoding="utf-8") == text
