"""Every dead end leads somewhere: the next way to try, by name, as a command that can be copied."""

from __future__ import annotations

import shlex
import webbrowser
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.in_process import sign_in_on_pages
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
    from tests.m365.entra.records import Answer
    from tests.world import World

LOGIN = f"offlineimap-m365 login {ALICE}"


def leads_to(said: str, command: str) -> bool:
    """Return whether the last command of a message, which can be typed, is this one with the options of the login."""
    words = [words for words in commands_in(said) if words[0] in ("login", "explain")][-1]
    assert parse(words)
    line = f"offlineimap-m365 {shlex.join(words)}"
    return line.startswith(command) and (words[0] != "login" or "--authority" in words)


#: The flow, what is refused (redirects but this one, a device code, a page), is there a browser, and what is advised.
REFUSED = {
    "the listener's redirect": ("--browser", "https://localhost", True, f"{LOGIN} --paste"),
    "the redirect of a paste": ("--paste", "http://localhost", True, f"{LOGIN} --browser"),
    "the same without a browser": (
        "--paste",
        "http://localhost",
        False,
        f"{LOGIN} --browser --port 8400",
    ),
    "device codes": ("--device", 53003, True, f"{LOGIN} --browser"),
    "device codes, without a browser": ("--device", 530036, False, f"{LOGIN} --paste"),
    "this browser": ("--browser", 53003, True, f"{LOGIN} --paste"),
    "a device that is not managed": ("--browser", 53000, True, f"offlineimap-m365 explain {ALICE}"),
}


@pytest.mark.parametrize(("flow", "refused", "has_browser", "command"), REFUSED.values(), ids=REFUSED)
def test_a_way_that_is_refused_leads_to_the_next(  # noqa: PLR0917 - the columns of the table
    world: World,
    entra: Entra,
    monkeypatch: pytest.MonkeyPatch,
    flow: str,
    refused: str | int,
    has_browser: bool,
    command: str,
) -> None:
    """With Thunderbird's client id: another redirect, a browser for a device code, never the same way again."""
    if has_browser:  # one that shows nothing: the test walks the pages itself
        monkeypatch.setenv("BROWSER", "firefox")
        monkeypatch.setattr(webbrowser, "get", lambda *_: SimpleNamespace(name="firefox", open=bool))
    if isinstance(refused, str):
        entra.clients[THUNDERBIRD].redirect_uris = [refused]
    elif flow == "--device":
        entra.fail_next("device_code", code=refused)
    else:
        entra.people[0].blocked = refused

    done = sign_in_on_pages(entra, ALICE, "login", ALICE, flow, *options(entra))

    assert (done.code, files_of(world)) == (77, [])
    assert leads_to(done.err, command), done.err
    if isinstance(refused, int):
        said = done.err.partition(f"AADSTS{refused}, correlation id ")[2]
        assert "administrator" in said or "help desk" in said
        assert flow not in said


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
