"""Signing in by paste: the address of the last page, and everything else that a person may paste instead."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.in_process import asked_for
from tests.sign_in import PASSWORD, Login, options, sign_in
from tests.signed_in_accounts import ALICE
from tests.whole.terminal import Terminal, files_of, secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.m365.person import Browser
    from tests.world import World


@pytest.mark.matrix
def test_the_pasted_address_signs_in(user: World, entra: Entra, browser: Browser) -> None:
    """The address stands alone on its line; the last one signs in, broken into lines as it may be; files are closed."""
    with Login(user, ALICE, "--paste", *options(entra)) as login:
        landing = browser.sign_in(login.address, ALICE, PASSWORD)
        done = login.paste((landing.address or "").replace("&", "\n&"))

    assert (done.code, done.out) == (0, ""), done.err
    assert f"\n\n{login.address}\n\n" in done.err
    asked = asked_for(done)
    assert (asked["redirect_uri"], asked["response_mode"]) == ("https://localhost", "query")
    assert (asked["code_challenge_method"], asked["login_hint"]) == ("S256", ALICE)
    assert files_of(user) == [
        *(f"accounts/{ALICE}/{name}" for name in ("cache.json", "lock", "profile.json", "state.json")),
        "pythonfile.py",
    ]
    assert {(path.is_dir(), path.stat().st_mode & 0o777) for path in user.home.rglob("*")} == {
        (True, 0o700),
        (False, 0o600),
    }
    assert user.run("token", ALICE).out.count(".") == 2
    for words in ("Mozilla Thunderbird", "will not load: that is expected", "it is a key to your mailbox"):
        assert words in done.err
    assert not [secret for secret in secrets_of(entra) if secret in done.err]


@pytest.mark.matrix
@pytest.mark.parametrize("name", ["HOME", "OFFLINEIMAP_M365_HOME"])
def test_a_bare_environment_is_enough(user: World, entra: Entra, name: str) -> None:
    """With env -i, without a terminal, D-Bus, and HOME or our own variable: login, token and status work."""
    homes = {"HOME": user.environ["HOME"], "OFFLINEIMAP_M365_HOME": str(user.root / "store")}
    user.environ = {"PATH": user.environ["PATH"], "REQUESTS_CA_BUNDLE": str(entra.ca_file), name: homes[name]}

    done = sign_in(user, entra, ALICE, *options(entra))

    assert done.code == 0, done.err
    assert [user.run(*words).code for words in (["token"], ["status"], ["token", ALICE.upper()])] == [0, 0, 0]


def test_a_wrong_paste_asks_again_and_a_long_one_comes_through(user: World, entra: Entra, browser: Browser) -> None:
    """
    It is said what it was; the right address signs in afterwards, though a terminal's usual limit is 4,095 characters.

    Nothing of either is shown, and the terminal is put back.
    """
    with Terminal(user, "login", ALICE, "--paste", *options(entra)) as terminal:
        address = f"{browser.sign_in(terminal.address, ALICE, PASSWORD).address}&padding={'x' * 8000}"
        terminal.type(f"{parse_qs(urlsplit(address).query)['code'][0]}\r")
        terminal.wait_for("This is only the code; the whole address is needed.")
        terminal.type(f"{address}\r")
        done = terminal.end()

        assert (done.code, done.out) == (0, ""), done.err
        assert f"{len(address):,} characters received." in done.err
        assert terminal.is_as_before
    assert not [secret for secret in [*secrets_of(entra), "x" * 40] if secret in done.err]


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
