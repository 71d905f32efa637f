"""Every dead end leads somewhere: the next way to try, by name, as a command that can be copied."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

import pytest
import requests

from tests.m365.entra import THUNDERBIRD
from tests.m365.person import Browser
from tests.named_commands import commands_in, parse
from tests.sign_in import PASSWORD, Login, options
from tests.whole.terminal import Terminal, files_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import Outcome, World

ALICE = "alice@example.org"
LOGIN = f"offlineimap-m365 login {ALICE}"


def with_browser(user: World) -> World:
    """Give *user* a browser that shows nothing: the test walks the pages itself."""
    user.environ["BROWSER"] = "true"
    return user


def fail(user: World, entra: Entra, browser: Browser, *arguments_: str) -> Outcome:
    """Sign in as far as it goes, and paste what the browser shows at its end."""
    with Login(user, ALICE, *arguments_, *options(entra)) as login:
        landing = browser.sign_in(login.address, ALICE, PASSWORD)
        return login.paste(landing.address or landing.text or "")


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
    user: World, entra: Entra, browser: Browser, flow: str, registered: str, *, options_: str, has_browser: bool
) -> None:
    """With Thunderbird's client id: from the browser to --paste, from a paste to --browser."""
    entra.clients[THUNDERBIRD].redirect_uris = [registered]
    done = fail(with_browser(user) if has_browser else user, entra, browser, flow)

    assert (done.code, files_of(user)) == (77, [])
    assert leads_to(done.err, f"{LOGIN} {options_} --authority")


@pytest.mark.parametrize("code", [53003, 530036])
def test_a_policy_against_device_codes_leads_to_a_browser(user: World, entra: Entra, code: int) -> None:
    """A device code that is refused leads to the browser where there is one, else to --paste; never to itself."""
    said = []
    for _ in range(2):
        entra.fail_next("device_code", code=code)
        with Login(user, ALICE, "--device", *options(entra)) as login:
            said.append(login.end())
        with_browser(user)

    assert [run.code for run in said] == [77, 77]
    for run, way in zip(said, ("--paste", "--browser"), strict=True):
        assert leads_to(run.err, f"{LOGIN} {way}"), run.err
        assert "--device" not in run.err.rpartition(f"AADSTS{code}")[2]


@pytest.mark.parametrize(
    ("code", "command"), [(53003, f"{LOGIN} --paste"), (53000, f"offlineimap-m365 explain {ALICE}")]
)
def test_a_page_of_a_policy_leads_to_a_managed_device(
    user: World, entra: Entra, browser: Browser, code: int, command: str
) -> None:
    """A policy that refuses this browser may let a managed device in; if it wants one, the help desk comes first."""
    alice = entra.find_person(ALICE)
    assert alice is not None
    alice.blocked = code
    done = fail(with_browser(user), entra, browser, "--browser")

    assert done.code == 77
    assert f"AADSTS{code}, correlation id " in done.err
    assert leads_to(done.err, command)
    assert "--paste" in done.err
    assert "administrator" in done.err or "help desk" in done.err


def visit(address: str) -> requests.Response:
    """Go to the listener on this machine as a browser does."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(address, allow_redirects=False, timeout=30)


def test_the_first_answer_wins(user: World, entra: Entra, browser: Browser) -> None:
    """While the listener waits a pasted address signs in; the browser that comes with another code changes nothing."""
    with_browser(user)
    entra.delay = 1.0
    with Terminal(user, "login", ALICE, "--browser", *options(entra)) as terminal:
        first = browser.sign_in(terminal.address, ALICE, PASSWORD).address or ""
        with Browser(entra.ca_file) as other:
            second = other.sign_in(terminal.address, "bob@example.org", PASSWORD).address or ""
        terminal.type(f"{first}\r")
        while not entra.count("authorization_code"):
            time.sleep(0.02)
        late = visit(second)
        done = terminal.end()

    assert done.code == 0, done.err
    assert late.status_code in {303, 400}
    assert entra.count("authorization_code") == 1
    assert f"{ALICE} is signed in." in done.err
