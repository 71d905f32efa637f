"""Signing in with a code that is typed into a page on another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.in_process import pasting, run
from tests.sign_in import PASSWORD, Login, options
from tests.signed_in_accounts import ALICE
from tests.whole.terminal import files_of, secrets_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.person import Browser
    from tests.world import World


@pytest.mark.matrix
@pytest.mark.parametrize("extras", [True, False])
def test_a_code_that_is_approved_signs_in(user: World, entra: Entra, browser: Browser, *, extras: bool) -> None:
    """The code typed in and approved signs in, whether or not the provider sends what only Entra sends."""
    entra.extras = extras
    with Login(user, ALICE, "--device", *options(entra)) as login:
        code = login.device_code
        browser.enter_device_code(login.address, code, ALICE, PASSWORD)
        done = login.end()

    assert (done.code, done.out) == (0, ""), done.err
    assert user.run("token", ALICE).code == 0
    assert "only if you asked for it yourself" in done.err
    assert not [secret for secret in secrets_of(entra) if secret in done.err]


def test_a_code_that_is_declined_is_named(world: World, entra: Entra, browser: Browser) -> None:
    """Cancel on the page ends it with 77, and nothing is kept."""

    def decline(address: str) -> str:
        (code,) = entra.device_codes.values()
        browser.enter_device_code(address, code.user_code, ALICE, PASSWORD, approve=False)
        return ""

    with pasting(decline):
        done = run("login", ALICE, "--device", *options(entra))

    assert (done.code, files_of(world)) == (77, [])
    assert "declined" in done.err


@pytest.mark.parametrize(("interval", "extras"), [(1, True), (2, False)])
def test_a_code_that_nobody_typed_in_expires(world: World, entra: Entra, interval: int, *, extras: bool) -> None:
    """Whether the provider or only the clock says so: 77, called expired, with the command that makes a new one."""
    entra.extras, entra.device_code_seconds, entra.interval = extras, 1, interval
    with pasting(lambda _: ""):
        done = run("login", ALICE, "--device", *options(entra))

    assert (done.code, files_of(world)) == (77, [])
    assert "expired" in done.err
    assert "--device" in next(line for line in done.err.splitlines() if f"login {ALICE}" in line)
