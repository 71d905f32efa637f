"""The last door: exit codes, what a bug looks like, who hears what."""

from __future__ import annotations

import pkgutil
import sys
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments, commands
from offlineimap_m365.cli.commands import status_command
from offlineimap_m365.console import prompt
from offlineimap_m365.plugin import stub
from offlineimap_m365.tokens import engine
from tests import options
from tests.in_process import Stream, run
from tests.signed_in_accounts import invent

if TYPE_CHECKING:
    from tests.world import World

pytestmark = pytest.mark.usefixtures("world")

LONG = "x" * 50


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
def test_every_error_has_its_exit_code(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    """The classes of the contract; nothing on stdout; a bug's own words, which may hold anything, are not shown."""
    monkeypatch.setattr(status_command, "run", mock.Mock(side_effect=error))

    done = run("status")

    assert (done.code, done.out) == (code, "")
    assert LONG not in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("line", ["token --format xoauth2", "folders", "config", "config msmtp", "setup --yes"])
def test_an_application_needs_a_mailbox(line: str) -> None:
    """An application has no mailbox of its own: 2, and no request."""
    invent("backup", kind="app-only")

    done = run(*line.split(), "backup")

    assert (done.code, done.out) == (2, "")


def test_an_error_is_at_most_six_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What, the reference, meaning, remedy; controls in any of them are replaced; where it arose only with -v."""
    error = errors.SignInNeeded(
        "A fact\nwith\x1b[2J lines",
        code="AADSTS50076",
        correlation_id="019827f4",
        time="2026-01-09T02:02:12Z",
        meaning="It means\n\n\nthis",
        remedy=errors.Remedy("Run\rthis"),
    )
    monkeypatch.setattr(status_command, "run", mock.Mock(side_effect=error))
    plain = run("status").err
    for words in (["-v", "status"], ["status", "-v"]):
        verbose = run(*words).err
        assert verbose.startswith(plain)
        assert "line " in verbose.removeprefix(plain)

    assert plain.splitlines() == [
        "offlineimap-m365: A fact with\ufffd[2J lines",
        "  AADSTS50076, correlation id 019827f4, 2026-01-09T02:02:12Z",
        "  It means   this",
        "  Run this",
    ]


def test_what_the_parser_offers_is_there_and_listed() -> None:
    """Each command can be run, and docs/options.md is current: python -m tests.options >docs/options.md."""
    offered = {f"{command}_command" for command in arguments.COMMANDS}

    assert offered == {found.name for found in pkgutil.iter_modules(commands.__path__)}
    assert options.RESULT.read_text(encoding="utf-8") == options.document()


@pytest.mark.parametrize(
    "line",
    [
        "loign", "logout", "store a@b", "status --jso", "token --min-validity=1e3", "token --min-validity=\u0661",
        "login --port=99999",
    ],
)  # fmt: skip
def test_wrong_usage_is_2_and_names_the_help(line: str) -> None:
    """No abbreviation, no number that is none; two lines on stderr."""
    done = run(*line.split())

    assert (done.code, done.out) == (2, "")
    assert "--help" in done.err
    assert len(done.err.splitlines()) == 2


def test_without_a_command_the_help_is_printed() -> None:
    """The help is an answer: stdout, 0."""
    done = run()

    assert (done.code, done.err) == (0, "")
    assert set(arguments.COMMANDS) <= set(done.out.split())


def test_an_option_that_was_removed_is_ignored() -> None:
    """Scripts written for release 0.1.0 still run; one line names the option (contract §6)."""
    for option in arguments.REMOVED:
        done = run("status", option)

        assert done.code == 0
        assert len([line for line in done.err.splitlines() if option in line]) == 1


def test_what_is_said_has_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the text holds: a profile, a name from the network, a command with a name in it."""
    monkeypatch.setattr(sys, "stderr", screen := Stream(is_terminal=True))

    prompt.say("Somebody\x1b[2J\u202e else. Run:", "offlineimap-m365 login 'a b\x07'")

    assert screen.text == "Somebody\ufffd[2J\ufffd else. Run: offlineimap-m365 login 'a b\ufffd'\n"


@pytest.mark.parametrize(
    ("typed", "chosen"), [("k\n", "k"), ("KEEP\n", "k"), ("x\nt\n", "t"), ("\n", "a"), ("", "a"), ("x\n", "a")]
)
@pytest.mark.parametrize("closed", ["", "stdin", "stderr"])
def test_a_choice_is_one_letter(monkeypatch: pytest.MonkeyPatch, typed: str, chosen: str, closed: str) -> None:
    """The first letter counts in either case; else it asks again; Enter and no terminal are the default."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, Stream(typed, is_terminal=name != closed))

    assert prompt.choose("Keep?", {"k": "keep", "t": "try again", "a": "abort"}, "a") == ("a" if closed else chosen)


def test_any_command_renews_the_stub() -> None:
    """After an upgrade OfflineIMAP finds the new version as soon as any command was run."""
    path = stub.write_stub()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Written by offlineimap-m365 ", "Written by offlineimap-m365 0.0."), encoding="utf-8")

    done = run("status")

    assert (done.code, done.out) == (0, "")
    assert path.read_text(encoding="utf-8") == text


FAILURES: dict[str, Exception | None] = {
    "fine": None,
    "waits": errors.Temporary("no network"),
    "person": errors.SignInNeeded("refused"),
    "wrong": errors.Misconfigured("no such client"),
    "bug": ZeroDivisionError("a secret"),
}


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_one_failure_of_refresh_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, quiet: list[str], subtests: pytest.Subtests
) -> None:
    """Each account is tried, and the gravest exit code counts; --quiet prints nothing of what passes (75)."""
    tried: list[str] = []

    def access_token(name: str, _: engine.Wanted) -> None:
        tried.append(name)
        error = FAILURES[name]
        if error:
            raise error

    monkeypatch.setattr(engine, "access_token", access_token)
    for name in FAILURES:
        invent(name)
    codes = {
        "fine": 0,
        "fine waits": 75,
        "waits person fine": 77,
        "wrong person waits": 78,
        "bug wrong fine": 70,
        "": 70,
    }
    for names, code in codes.items():
        with subtests.test(names):
            tried.clear()
            done = run("refresh", *names.split(), *quiet)

            assert (done.code, done.out) == (code, "")
            assert sorted(tried) == sorted(names.split() or FAILURES)
            assert "a secret" not in done.err
            assert ("no network" in done.err) == ("waits" in tried and not quiet)
            assert ("refused" in done.err) == ("person" in tried)


def test_signed_out_accounts_are_left_alone(world: World) -> None:
    """Without names, refresh does not try an account that was logged out; a damaged one is reported."""
    invent("out", signed_in_at=None)
    assert run("refresh").code == 77
    invent("damaged")
    (world.folder("damaged") / "profile.json").write_text("{")

    done = run("refresh")

    assert (done.code, "out is" in done.err) == (78, False)
    assert profiles.names() == ["damaged", "out"]
