"""Signing in with a code that is typed into a page on another machine."""

from __future__ import annotations

import signal
import time
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.m365.person import Browser
from tests.sign_in import PASSWORD, Login, options
from tests.whole.terminal import Terminal, files_of, product, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.world import Outcome, World

ALICE = "alice@example.org"


@pytest.fixture
def user(world: World) -> World:
    """Return somebody with this package."""
    return product(world)


@pytest.fixture
def browser(entra: Entra) -> Iterator[Browser]:
    """Open a browser on another machine."""
    with Browser(entra.ca_file) as opened:
        yield opened


def enter(login: Login, browser: Browser, account: str = ALICE, *, approve: bool = True) -> Outcome:
    """Type the code in, answer as *account*, and return how the login ended."""
    code = login.device_code
    browser.enter_device_code(login.address, code, account, PASSWORD, approve=approve)
    return login.end()


@pytest.mark.matrix
@pytest.mark.parametrize("extras", [True, False])
def test_a_code_that_is_approved_signs_in(user: World, entra: Entra, browser: Browser, *, extras: bool) -> None:
    """The code typed in and approved signs in, whether or not the provider sends what only Entra sends."""
    entra.extras = extras
    with Login(user, ALICE, "--device", *options(entra)) as login:
        done = enter(login, browser)

    assert (done.code, done.out) == (0, ""), done.err
    assert user.run("token", ALICE).code == 0
    assert "only if you asked for it yourself" in done.err
    assert not [secret for secret in secrets_of(entra) if secret in done.err]


def test_a_code_that_is_declined_is_named(user: World, entra: Entra, browser: Browser) -> None:
    """Cancel on the page ends it with 77, and nothing is kept."""
    with Login(user, ALICE, "--device", *options(entra)) as login:
        done = enter(login, browser, approve=False)

    assert (done.code, files_of(user)) == (77, [])
    assert "declined" in done.err


@pytest.mark.parametrize("interval", [1, 4])
@pytest.mark.parametrize("extras", [True, False])
def test_a_code_that_nobody_typed_in_expires(user: World, entra: Entra, interval: int, *, extras: bool) -> None:
    """Whether the provider or only the clock says so: 77, called expired, with the command that makes a new one."""
    entra.extras, entra.device_code_seconds, entra.interval = extras, 2, interval
    with Login(user, ALICE, "--device", *options(entra)) as login:
        done = login.end()

    assert (done.code, files_of(user)) == (77, [])
    assert "expired" in done.err
    command = next(line for line in done.err.splitlines() if f"login {ALICE}" in line)
    assert "--device" in command


def test_an_interrupted_connection_is_waited_out(user: World, entra: Entra, browser: Browser) -> None:
    """While nobody can be asked the code stays good: one failed question does not end the sign-in."""
    entra.fail_next("device_code", status=502, body="<html>Bad gateway</html>")
    with Login(user, ALICE, "--device", *options(entra)) as login:
        done = enter(login, browser)

    assert done.code == 0, done.err


def test_a_client_that_may_not_is_a_configuration_error(user: World, entra: Entra) -> None:
    """A client id without public flows is 78, with Microsoft's code and what to change in the registration."""
    entra.add_client("my-client", ["http://localhost"], device=False)
    done = user.run("login", ALICE, "--device", "--client-id", "my-client", *options(entra))

    assert (done.code, files_of(user)) == (78, [])
    assert "AADSTS7000218" in done.err


def test_an_error_page_can_be_pasted_meanwhile(user: World, entra: Entra) -> None:
    """The text of a page that leads nowhere is explained while the code waits, 77."""
    with Login(user, ALICE, "--device", *options(entra)) as login:
        assert login.device_code
        done = login.paste("Sorry\nAADSTS50199: For security reasons, user confirmation is required")

    assert (done.code, files_of(user)) == (77, [])
    assert "AADSTS50199" in done.err


def test_it_needs_no_standard_input(user: World, entra: Entra, browser: Browser) -> None:
    """With a code nothing has to be typed here, so a closed standard input does not matter."""
    with Login(user, ALICE, "--device", *options(entra)) as login:
        code = login.device_code
        waiting = Thread(target=login.paste, args=("",))  # an empty line, and the end of input
        waiting.start()
        time.sleep(1)
        browser.enter_device_code(login.address, code, ALICE, PASSWORD)
        waiting.join()
        done = login.end()

    assert done.code == 0, done.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_terminal_is_put_back(user: World, entra: Entra, number: signal.Signals, code: int) -> None:
    """Interrupted while the code waits: the terminal is as before, at once, nothing is kept."""
    with Terminal(user, "login", ALICE, "--device", *options(entra)) as terminal:
        terminal.wait_until_taken_over()
        terminal.signal(number)
        done = terminal.end()

        assert done.code == code, done.err
        assert terminal.is_as_before
    assert (done.out, files_of(user)) == ("", [])
    assert "Traceback" not in done.err
