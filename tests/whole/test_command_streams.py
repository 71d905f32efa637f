"""The command as a process: what is on its standard streams, also where they are full, closed or no longer read."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests.signed_in_accounts import ALICE, invent
from tests.world import child_environ

if TYPE_CHECKING:
    from tests.world import Outcome, World


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
