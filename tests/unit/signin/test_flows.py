"""The three ways to sign in, as the command runs them: which answer ends each, and what else does."""

from __future__ import annotations

import itertools
import queue
import time
import types
import webbrowser
from typing import TYPE_CHECKING

import pytest
import requests

from offlineimap_m365.accounts import profiles
from offlineimap_m365.signin import flows
from tests.in_process import pasting, run, sign_in
from tests.sign_in import options
from tests.signed_in_accounts import ALICE, cache_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra

pytestmark = pytest.mark.usefixtures("world")


def test_login_by_a_pasted_address(entra: Entra) -> None:
    """A terminal is asked for the account; nothing is on stdout; a later command needs no request."""
    done = sign_in(entra, ALICE, "login", *options(entra), is_terminal=True, stdin=f"{ALICE}\n")

    assert (done.code, done.out) == (0, ""), done.err
    assert f"config {ALICE}" in done.err
    entra.forget()
    assert run("token").out.strip() == next(iter(cache_of(profiles.get(ALICE))["AccessToken"].values()))["secret"]
    assert entra.requests == []


def test_login_in_a_browser(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser is sent back to the listener, and gets a page that says so."""
    pages: queue.Queue[str] = queue.Queue()

    class Browser:
        name = "firefox"

        @staticmethod
        def open(address: str) -> None:
            pages.put(requests.get(entra.approve(address, ALICE), timeout=10).text)

    monkeypatch.setattr(webbrowser, "get", Browser)
    monkeypatch.setenv("BROWSER", "firefox")

    done = run("login", ALICE, *options(entra))

    assert done.code == 0, done.err
    assert profiles.get(ALICE).is_signed_in
    assert "is signed in" in pages.get(timeout=10)


@pytest.mark.parametrize("flow", ["--paste", "--device"])
@pytest.mark.parametrize("pasted", ["", "AADSTS50011: The redirect URI does not match\n", "https://example.org/first"])
def test_nobody_signs_in(entra: Entra, monkeypatch: pytest.MonkeyPatch, flow: str, pasted: str) -> None:
    """The end of input, an error page and a wrong address end with 77 or, with a device code, with the time-out."""
    looks = itertools.count(time.monotonic())  # a second has passed whenever somebody looks at the clock
    monkeypatch.setattr(flows, "time", types.SimpleNamespace(monotonic=looks.__next__, sleep=lambda _: None))
    with pasting(lambda _: pasted):
        done = run("login", ALICE, flow, "--timeout", "100", *options(entra))

    assert (done.code, done.out) == (77, "")
    is_reminded = flow == "--device" and not pasted.startswith("AADSTS")
    assert done.err.count("Still waiting") == is_reminded
    assert profiles.names() == []
