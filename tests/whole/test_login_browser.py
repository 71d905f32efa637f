"""Signing in with a browser that comes back to this machine by itself, or with a code that is typed in elsewhere."""

from __future__ import annotations

import socket
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from tests import certificates
from tests.in_process import pasting, run
from tests.sign_in import PASSWORD, Login, options
from tests.signed_in_accounts import ALICE
from tests.whole.terminal import files_of, secrets_of
from tests.world import wait_until

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.person import Browser
    from tests.world import World


def visit(address: str, *, follow: bool = False) -> requests.Response:
    """Go to the listener on this machine as a browser does; *follow* where it leads, or not."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(address, allow_redirects=follow, timeout=30)


@pytest.mark.matrix
def test_the_browser_comes_back(user: World, entra: Entra, browser: Browser) -> None:
    """With $BROWSER set it is opened; a 303 takes the code out of the address bar; the page says how it ended."""
    opened = user.root / "opened"
    script = f'#!/bin/sh\necho opened\nprintf "%s\\n" "$1" >{opened}\n'
    user.environ["BROWSER"] = str(certificates.write(user.root / "browser", script, mode=0o755))
    with Login(user, ALICE, *options(entra)) as login:
        wait_until(lambda: opened.exists() and opened.read_text(encoding="utf-8").endswith("\n"))
        asked = opened.read_text(encoding="utf-8").strip()
        landing = browser.sign_in(asked, ALICE, PASSWORD).address or ""
        answer = visit(landing)
        status, address, page = browser.follow(landing.partition("?")[0].rstrip("/") + answer.headers["Location"])
        done = login.end()

    assert (done.code, done.out) == (0, ""), done.err
    assert (asked, answer.status_code) == (login.address, 303)
    assert "response_mode=query" in asked
    assert (status, urlsplit(address).path, urlsplit(address).query) == (200, "/done", "")
    assert "Signed in" in page
    assert user.run("token", ALICE).code == 0
    assert not [secret for secret in secrets_of(entra) if secret in done.err + done.out + page]


def test_a_port_needs_no_browser_here(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over ssh ``--browser --port N`` opens nothing, prints the ssh -L line, and is remembered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    runs, visits = [], []

    def come_back(address: str) -> str:
        final = entra.approve(address, ALICE)
        visits.append(Thread(target=lambda: visit(final, follow=True)))
        visits[-1].start()
        return ""

    for typed in (["--browser", "--port", port, *options(entra)], []):
        with pasting(come_back):
            runs.append(run("login", ALICE, *typed))
        visits[-1].join()

    assert [done.code for done in runs] == [0, 0], runs
    assert all(f"ssh -L {port}:localhost:{port} HOST" in done.err for done in runs)


# A code that is typed in on another machine


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


@pytest.mark.parametrize("end", ["declined", "expired"])
def test_a_code_that_signs_nobody_in_is_named(world: World, entra: Entra, browser: Browser, end: str) -> None:
    """After Cancel on the page, or if nobody types it in, it is 77 with a command, and nothing is kept."""
    if end == "expired":
        entra.device_code_seconds = 1

    def visit_page(address: str) -> str:
        if end == "declined":
            (code,) = entra.device_codes.values()
            browser.enter_device_code(address, code.user_code, ALICE, PASSWORD, approve=False)
        return ""

    with pasting(visit_page):
        done = run("login", ALICE, "--device", *options(entra))

    assert (done.code, files_of(world)) == (77, [])
    assert end in done.err
    assert f"offlineimap-m365 login {ALICE}" in done.err
