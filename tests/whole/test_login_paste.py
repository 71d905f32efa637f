"""Signing in by paste: the address of the last page, and everything else that a person may paste instead."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sign_in import PASSWORD, Login, options, sign_in
from tests.whole.terminal import Terminal, files_of, secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.m365.person import Browser
    from tests.world import World

ALICE = "alice@example.org"


def query(address: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.matrix
def test_the_pasted_address_signs_in(user: World, entra: Entra, browser: Browser) -> None:
    """The last address signs in, broken into lines as it may be, and the token that is saved works at once."""
    with Login(user, ALICE, "--paste", *options(entra)) as login:
        landing = browser.sign_in(login.address, ALICE, PASSWORD)
        done = login.paste((landing.address or "").replace("&", "\n&"))

    assert (done.code, done.out) == (0, ""), done.err
    assert files_of(user) == [
        f"accounts/{ALICE}/cache.json",
        f"accounts/{ALICE}/lock",
        f"accounts/{ALICE}/profile.json",
        f"accounts/{ALICE}/state.json",
        "pythonfile.py",
    ]
    assert user.run("token", ALICE).out.count(".") == 2
    for words in ("Mozilla Thunderbird", "will not load: that is expected", "it is a key to your mailbox"):
        assert words in done.err
    assert not [secret for secret in secrets_of(entra) if secret in done.err]


def test_the_address_stands_alone_and_asks_for_a_query(user: World, entra: Entra) -> None:
    """The address is one unwrapped line, and names Thunderbird's redirect, PKCE and response_mode=query."""
    with Login(user, ALICE, "--paste", *options(entra)) as login:
        address = login.address
        lines = login.said.splitlines()

    asked = query(address)
    at = lines.index(address)
    assert (lines[at - 1], lines[at + 1] if len(lines) > at + 1 else "") == ("", "")
    assert (asked["redirect_uri"], asked["response_mode"]) == ("https://localhost", "query")
    assert (asked["code_challenge_method"], asked["login_hint"]) == ("S256", ALICE)


REFUSED: dict[str, tuple[Callable[[str], str], str]] = {
    "only the code": (lambda a: query(a)["code"], "This is only the code"),
    "an address from yesterday": (
        lambda a: a.replace(query(a)["state"], "yesterday"),
        "This is an address from an earlier sign-in",
    ),
    "the text of an error page": (
        lambda _: "Sorry, but we're having trouble signing you in.\nAADSTS50011: The redirect URI does not match.",
        "AADSTS50011",
    ),
    "the page that wants an administrator": (
        lambda _: "Need admin approval\nMozilla Thunderbird\nneeds permission to access resources",
        "offlineimap-m365 consent",
    ),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_the_last_address_is_refused(
    user: World, entra: Entra, browser: Browser, change: Callable[[str], str], words: str
) -> None:
    """Anything else is named in at most six lines, 77, and nothing is kept or repeated."""
    with Login(user, ALICE, "--paste", *options(entra)) as login:
        landing = browser.sign_in(login.address, ALICE, PASSWORD)
        before = login.said
        pasted = change(landing.address or "")
        done = login.paste(pasted)

    said = done.err.removeprefix(before)
    assert (done.code, done.out, files_of(user)) == (77, "", [])
    assert words in said
    assert re.search(rf"offlineimap-m365 (login|consent) {ALICE}", said)
    assert len(said.splitlines()) <= 9  # three of them are the prompt's, if it was still on its way
    assert not [secret for secret in [*secrets_of(entra), PASSWORD] if secret in done.err + user.text_of_all_files()]


def test_a_code_that_expired_is_named(user: World, entra: Entra, browser: Browser) -> None:
    """A code that waited too long in the clipboard is refused by Microsoft: 77, nothing kept, and what to do."""
    entra.code_seconds = -1
    done = sign_in(user, entra, ALICE, *options(entra))

    assert (done.code, files_of(user)) == (77, [])
    assert f"login {ALICE}" in done.err


def test_a_closed_standard_input_is_named(user: World, entra: Entra) -> None:
    """Without a terminal or an address on standard input nobody can paste: 77 at once."""
    done = user.run("login", ALICE, "--paste", *options(entra))

    assert (done.code, done.out, files_of(user)) == (77, "", [])
    assert "standard input is closed" in done.err


def test_silence_ends_in_time(user: World, entra: Entra) -> None:
    """After --timeout seconds it gives up with 77 and names the usual dead ends."""
    with Login(user, ALICE, "--paste", "--timeout", "1", *options(entra)) as login:
        done = login.end()

    assert (done.code, files_of(user)) == (77, [])
    assert "in time" in done.err
    assert "Need admin approval" in done.err


def test_eight_thousand_characters_come_through_a_terminal(user: World, entra: Entra, browser: Browser) -> None:
    """A terminal's usual limit of 4,095 characters does not hold; nothing is shown; the terminal is put back."""
    with Terminal(user, "login", ALICE, "--paste", *options(entra)) as terminal:
        landing = browser.sign_in(terminal.address, ALICE, PASSWORD)
        pasted = f"{landing.address}&padding={'x' * 8000}"
        terminal.type(f"{pasted}\r")
        done = terminal.end()

        assert (done.code, done.out) == (0, ""), done.err
        assert terminal.is_as_before
    assert not [secret for secret in [*secrets_of(entra), "x" * 40] if secret in done.err]


def test_a_wrong_paste_asks_again(user: World, entra: Entra, browser: Browser) -> None:
    """It is said how much arrived and what it was; nothing of it is shown; the right address signs in afterwards."""
    with Terminal(user, "login", ALICE, "--paste", *options(entra)) as terminal:
        address = browser.sign_in(terminal.address, ALICE, PASSWORD).address or ""
        terminal.type(f"{query(address)['code']}\r")
        terminal.wait_for("This is only the code; the whole address is needed.")
        terminal.type(f"{address}\r")
        done = terminal.end()

        assert done.code == 0, done.err
        assert f"{len(address):,} characters received." in done.err
        assert terminal.is_as_before
    assert not [secret for secret in secrets_of(entra) if secret in done.err]


ENDS: dict[str, tuple[Callable[[Terminal], None], int]] = {
    "Ctrl-C": (lambda terminal: terminal.type("\x03"), 130),
    "Ctrl-D": (lambda terminal: terminal.type("\x04"), 77),
    "SIGTERM": (lambda terminal: terminal.signal(signal.SIGTERM), 128 + signal.SIGTERM),
    "SIGHUP": (lambda terminal: terminal.signal(signal.SIGHUP), 128 + signal.SIGHUP),
}


@pytest.mark.matrix
@pytest.mark.parametrize(("act", "code"), ENDS.values(), ids=ENDS)
def test_the_terminal_is_put_back_however_it_ends(
    user: World, entra: Entra, act: Callable[[Terminal], None], code: int
) -> None:
    """Interrupted or refused: the exit code says so, the terminal's attributes are as before, nothing is kept."""
    with Terminal(user, "login", ALICE, "--paste", *options(entra)) as terminal:
        terminal.wait_until_taken_over()
        act(terminal)
        done = terminal.end()

        assert done.code == code, done.err
        assert terminal.is_as_before
    assert (done.out, files_of(user)) == ("", [])
    assert "Traceback" not in done.err
    assert ("Cancelled." in done.err) == (code == 130)
