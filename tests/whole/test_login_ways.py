"""Every dead end leads somewhere: the next way to try, by name, as a command that can be copied."""

from __future__ import annotations

import shlex
import webbrowser
from threading import Event
from typing import TYPE_CHECKING

import pytest

from tests.in_process import pasting, run, sign_in_on_pages
from tests.m365.entra import THUNDERBIRD
from tests.m365.person import Browser
from tests.named_commands import commands_in, parse
from tests.sign_in import PASSWORD, options
from tests.signed_in_accounts import ALICE
from tests.whole.terminal import Terminal, files_of
from tests.whole.test_login_browser import visit
from tests.world import PATIENCE

if TYPE_CHECKING:
    from tests.m365.entra import Entra, Request
    from tests.m365.entra.script import Answer
    from tests.world import World

LOGIN = f"offlineimap-m365 login {ALICE}"


class NothingShown:
    """A browser that shows nothing: the test walks the pages itself."""

    name = "firefox"

    @staticmethod
    def open(_: str) -> None:
        """Show nothing."""


def add_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a browser."""
    monkeypatch.setenv("BROWSER", "firefox")
    monkeypatch.setattr(webbrowser, "get", NothingShown)


def leads_to(said: str, command: str) -> bool:
    """Return whether the last command of a message, which can be typed, is this one with the options of the login."""
    words = [words for words in commands_in(said) if words[0] in ("login", "explain")][-1]
    assert parse(words)
    line = f"offlineimap-m365 {shlex.join(words)}"
    return line.startswith(command) and (words[0] != "login" or "--authority" in words)


@pytest.mark.parametrize(
    ("flow", "registered", "has_browser", "options_"),
    [
        ("--browser", "https://localhost", True, "--paste"),
        ("--paste", "http://localhost", True, "--browser"),
        ("--paste", "http://localhost", False, "--browser --port 8400"),
    ],
)
def test_a_redirect_that_is_not_registered_leads_to_the_other(
    world: World,
    entra: Entra,
    monkeypatch: pytest.MonkeyPatch,
    flow: str,
    registered: str,
    *,
    has_browser: bool,
    options_: str,
) -> None:
    """With Thunderbird's client id: from the browser to --paste, from a paste to --browser."""
    if has_browser:
        add_browser(monkeypatch)
    entra.clients[THUNDERBIRD].redirect_uris = [registered]

    done = sign_in_on_pages(entra, ALICE, "login", ALICE, flow, *options(entra))

    assert (done.code, files_of(world)) == (77, [])
    assert leads_to(done.err, f"{LOGIN} {options_} --authority")


@pytest.mark.parametrize("code", [53003, 530036])
def test_a_policy_against_device_codes_leads_to_a_browser(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A device code that is refused leads to the browser where there is one, else to --paste; never to itself."""
    for way in ("--paste", "--browser"):
        entra.fail_next("device_code", code=code)
        with pasting(lambda _: ""):
            done = run("login", ALICE, "--device", *options(entra))
        add_browser(monkeypatch)

        assert done.code == 77
        assert leads_to(done.err, f"{LOGIN} {way}"), done.err
        assert "--device" not in done.err.rpartition(f"AADSTS{code}")[2]


@pytest.mark.parametrize(
    ("code", "command"), [(53003, f"{LOGIN} --paste"), (53000, f"offlineimap-m365 explain {ALICE}")]
)
def test_a_page_of_a_policy_leads_to_a_managed_device(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, code: int, command: str
) -> None:
    """A policy that refuses this browser may let a managed device in; if it wants one, the help desk comes first."""
    add_browser(monkeypatch)
    alice = entra.find_person(ALICE)
    assert alice is not None
    alice.blocked = code

    done = sign_in_on_pages(entra, ALICE, "login", ALICE, "--browser", *options(entra))

    assert done.code == 77
    assert f"AADSTS{code}, correlation id " in done.err
    assert leads_to(done.err, command)
    assert "--paste" in done.err
    assert "administrator" in done.err or "help desk" in done.err


def test_the_first_answer_wins(user: World, entra: Entra, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the listener waits a pasted address signs in; the browser that comes with another code changes nothing."""
    user.environ["BROWSER"] = "true"
    is_asked, may_answer, take_answer = Event(), Event(), entra.take_answer

    def hold(request: Request) -> Answer | None:
        if request.is_for("authorization_code"):
            is_asked.set()
            may_answer.wait(PATIENCE)
        return take_answer(request)

    monkeypatch.setattr(entra, "take_answer", hold)
    with Terminal(user, "login", ALICE, "--browser", *options(entra)) as terminal:
        first = browser.sign_in(terminal.address, ALICE, PASSWORD).address or ""
        with Browser(entra.ca_file) as other:
            second = other.sign_in(terminal.address, "bob@example.org", PASSWORD).address or ""
        terminal.type(f"{first}\r")
        assert is_asked.wait(PATIENCE)
        late = visit(second)
        may_answer.set()
        done = terminal.end()

    assert done.code == 0, done.err
    assert late.status_code in {303, 400}
    assert entra.count("authorization_code") == 1
    assert f"{ALICE} is signed in." in done.err
