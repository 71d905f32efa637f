"""Signing in with a code that is typed into a page on another machine."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.sign_in import PASSWORD, Login, options
from tests.whole.terminal import files_of, secrets_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.person import Browser
    from tests.world import Outcome, World

ALICE = "alice@example.org"


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
