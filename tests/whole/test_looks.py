"""The command as a process: what a person sees on a real terminal, and standard streams that are full or closed."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from tests.sign_in import options
from tests.signed_in_accounts import ALICE, invent
from tests.whole.terminal import Terminal
from tests.world import child_environ

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import Outcome, World

#: A doctor who looks at one made-up thing, and then for ever at another.
_DOCTOR = """
import sys, time
from offlineimap_m365 import doctor
from offlineimap_m365.cli import main as cli
def examine(order):
    yield doctor.Check("clock", True, "The clock is right", account="alice@example.org")
    time.sleep(60)
doctor.examine = examine
sys.exit(cli.main(["doctor"]))
"""


@pytest.mark.parametrize(
    ("columns", "variables", "sequences"),
    [(150, {}, 2), (40, {}, 2), (40, {"NO_COLOR": "1"}, 0)],
)
def test_status_on_a_terminal(user: World, columns: int, variables: dict[str, str], sequences: int) -> None:
    """No line is longer than the terminal is wide; only the state has a colour, and none for who wants none."""
    invent()
    with Terminal(user, "status", columns=columns, environ=variables) as terminal:
        done = terminal.end()

    assert done.code == 0
    assert done.err.count("\x1b") == done.err.count("\x1b[32msigned in\x1b[0m") * 2 == sequences
    assert max(map(len, done.err.replace("\x1b[32m", "").replace("\x1b[0m", "").splitlines())) < columns


def test_control_c_ends_the_doctor(world: World) -> None:
    """What was found until then stays on the terminal, which is as it was before; 130."""
    invent()
    with Terminal(dataclasses.replace(world, command=[sys.executable, "-c", _DOCTOR]), columns=80) as terminal:
        terminal.wait_for("Checking alice@example.org")
        terminal.type("\x03")
        done = terminal.end()

        assert terminal.is_as_before
    assert done.code == 130
    assert "clock" in done.err
    assert "\r\x1b[K" in done.err.partition("Checking alice")[2]
    assert "Traceback" not in done.err


def test_login_shows_no_time_where_no_line_can_be_taken_back(user: World, entra: Entra) -> None:
    """On a dumb terminal nothing passes by; when the time is over it is 77, with the usual dead ends."""
    arguments = ("login", ALICE, "--paste", *options(entra), "--timeout", "1")
    with Terminal(user, *arguments, environ={"TERM": "dumb"}) as terminal:
        done = terminal.end()

    assert done.code == 77
    assert "in time" in done.err
    assert "Need admin approval" in done.err
    assert " left" not in done.err
    assert "\x1b" not in done.err


# Standard streams


@pytest.fixture
def alice(user: World) -> World:
    """Return Alice, with a made-up sign-in."""
    invent()
    return user


def shell(alice: World, words: str, streams: str) -> Outcome:
    """Run our command in a shell, with *streams* behind it."""
    line = f"set -o pipefail; {shlex.join(alice.command)} {words} {streams}"
    return alice.execute(["/bin/bash", "-c", line], environ=child_environ(alice.command, alice.environ))


@pytest.mark.matrix
def test_token_is_a_token_and_a_newline(alice: World) -> None:
    """``token`` prints the stored token and nothing else, by any spelling of the account and by none."""
    spellings = (["token", ALICE], ["token"], ["token", "ALICE@Example.ORG"], ["token", "-v"], ["-v", "token", ALICE])
    done = [alice.run(*words) for words in spellings]

    assert {(outcome.code, outcome.out, outcome.err) for outcome in done} == {(0, "a-made-up-access-token\n", "")}


@pytest.mark.parametrize("words", [f"token {ALICE}", "--help", "completion bash", "status --json"])
def test_a_reader_that_stops_early_is_no_error(alice: World, words: str) -> None:
    """``| head -c1`` prints no traceback, and the command ends with 0."""
    done = shell(alice, words, "| head -c1")

    assert (done.code, done.err, len(done.out)) == (0, "", 1)


@pytest.mark.parametrize("words", ["token", "status", "--version", "config --list"])
def test_an_answer_that_cannot_be_written_is_temporary(alice: World, words: str) -> None:
    """``> /dev/full`` is 75, and no traceback."""
    done = shell(alice, words, ">/dev/full")

    assert done.code == 75, done.err
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


@pytest.mark.parametrize("words", ["token", "logout nobody@example.org", "explain 50076"])
def test_closed_streams_are_no_bug(alice: World, words: str) -> None:
    """Without standard input and error a command does its work, and nothing meant for a person is in the answer."""
    done = shell(alice, words, "<&- 2>&-")

    assert done.code == 0
    assert "not signed in" not in done.out
