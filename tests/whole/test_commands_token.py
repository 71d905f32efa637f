"""The command ``token``: an answer that programs rely on."""

from __future__ import annotations

import base64
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.whole.mail_user import sign_in_quickly
from tests.whole.terminal import product

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

ALICE = "alice@example.org"


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


@pytest.mark.matrix
def test_token_is_a_token_and_a_newline(alice: World) -> None:
    """``token`` prints the stored token and nothing else, by any spelling of the account and by none."""
    stored = alice.secrets(ALICE)[0] + "\n"
    spellings = (["token", ALICE], ["token"], ["token", "ALICE@Example.ORG"], ["token", "-v"], ["-v", "token", ALICE])
    done = [alice.run(*words) for words in spellings]

    assert [(outcome.code, outcome.out, outcome.err) for outcome in done] == [(0, stored, "")] * 5


def test_xoauth2_is_what_a_server_wants(alice: World) -> None:
    """``--format xoauth2`` is base64 on one line; the user is the account, or the mailbox."""
    token = alice.run("token", ALICE).out.strip()
    own, shared = (
        alice.run("token", ALICE, "--format", "xoauth2", *also).out for also in ([], ["--mailbox", "info@example.org"])
    )

    assert base64.b64decode(own).decode() == f"user={ALICE}\x01auth=Bearer {token}\x01\x01"
    assert base64.b64decode(shared).decode() == f"user=info@example.org\x01auth=Bearer {token}\x01\x01"
    assert own.count("\n") == 1


@pytest.mark.parametrize("mailbox", ["a\x01b@example.org", "a b@example.org", ""])
def test_a_mailbox_that_is_none_is_refused(alice: World, mailbox: str) -> None:
    """A mailbox with a control character could end the user's field early: 2, before any token."""
    done = alice.run("token", ALICE, "--format", "xoauth2", "--mailbox", mailbox)

    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize(("seconds", "code"), [("0", 0), ("3000", 0), ("3700", 75), ("x", 2), ("-5", 2)])
def test_min_validity_is_a_demand(alice: World, seconds: str, code: int) -> None:
    """It is met, or it fails: 75 if tokens never live that long, 2 for what is no number."""
    done = alice.run("token", ALICE, "--min-validity", seconds)

    assert (done.code, bool(done.out)) == (code, code == 0), done.err


def test_min_validity_fails_while_it_cannot_be_met(alice: World, entra: Entra) -> None:
    """During an outage a demand is 75; without one a token that lives for 30 s more is handed out."""
    alice.age(ALICE, left=30)
    entra.fail_next("refresh_token", times=9, status=503)
    wish, demand = alice.run("token", ALICE), alice.run("token", ALICE, "--min-validity", "60")

    assert (wish.code, wish.out.count(".")) == (0, 2)
    assert (demand.code, demand.out) == (75, "")


def test_a_reader_that_has_enough_is_no_error(alice: World) -> None:
    """``token | head -c1`` ends with 0 and without a word."""
    words = " ".join(alice.command)
    done = alice.execute(["/bin/bash", "-c", f"{words} token | head -c1; echo ${{PIPESTATUS[0]}}"])

    assert (done.out[1:], done.err) == ("0\n", "")


@pytest.mark.parametrize("words", ["token", "status", "config", "--help", "--version", "config --list"])
def test_an_answer_that_cannot_be_written_is_temporary(alice: World, words: str) -> None:
    """``> /dev/full`` is 75, and no traceback."""
    done = alice.execute(["/bin/sh", "-c", f"{' '.join(alice.command)} {words} >/dev/full"])

    assert done.code == 75, done.err
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


@pytest.mark.parametrize("words", ["token", "status", "logout nobody@example.org", "explain 50076", "refresh"])
def test_closed_streams_are_no_bug(alice: World, words: str) -> None:
    """Without standard input and error a command does its work, and nothing meant for a person is in the answer."""
    done = alice.execute(["/bin/sh", "-c", f"{' '.join(alice.command)} {words} <&- 2>&-"])

    assert done.code == 0
    assert "not signed in" not in done.out


def test_arguments_of_processes_hold_no_secret(alice: World) -> None:
    """While a token is handed out and refreshed, no process has one among its arguments."""
    alice.age(ALICE)
    watched = subprocess.Popen([*alice.command, "token"], env=alice.environ, stdout=subprocess.PIPE, text=True)
    lists = []
    while watched.poll() is None:
        lists.append(alice.execute(["ps", "-eww", "-o", "args"], environ=dict(os.environ)).out)
    token = watched.communicate()[0].strip()

    assert token
    assert not [row for row in lists for secret in [token, *alice.secrets(ALICE)] if secret in row]
