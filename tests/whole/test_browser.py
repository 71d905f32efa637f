"""Signing in with a real browser: Chromium on the sign-in pages, to the page that the listener serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.sign_in import PASSWORD, Login, options
from tests.whole import chromium
from tests.whole.terminal import files_of, secrets_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import Outcome, World

ALICE = "alice@example.org"
CAROL = "carol@example.org"


def sign_in(user: World, entra: Entra, script: Path, account: str = ALICE) -> tuple[Outcome, dict[str, Any]]:
    """Let ``login`` open the browser by itself; return what it did, and what the browser showed in the end."""
    user.environ["BROWSER"] = str(script)
    with Login(user, account, *options(entra)) as login:
        found = chromium.seen(script)
        return login.end(), found


def check(page: dict[str, Any], entra: Entra) -> None:
    """Assert what holds for the last page however it ended: nothing of the answer is left, nothing was blocked."""
    where = urlsplit(page["bar"])
    assert (where.hostname, where.path, where.query, where.fragment) == ("localhost", "/done", "", "")
    ours = [
        line for line in page["console"] if line.startswith("http://") or "CSP" in line or "Security Policy" in line
    ]
    assert ours == []
    assert page["referrer"] == ""
    assert not page["wide"]
    assert [urlsplit(entry).path for entry in page["history"] if entry.startswith("http://")] == ["/done"]
    everything = page["html"] + page["title"] + "".join(page["history"])
    assert not [secret for secret in secrets_of(entra) if secret in everything]


def test_a_browser_that_opens_by_itself_signs_in(user: World, entra: Entra) -> None:
    """Address, password, and the page that says so: nothing else is asked of the person, and nothing is left."""
    script = chromium.person(user, entra, ALICE, PASSWORD)

    done, page = sign_in(user, entra, script)

    assert done.code == 0, done.err
    check(page, entra)
    assert page["title"] == "Signed in"
    assert f"{ALICE} is signed in.\nYou can close this window" in page["text"]
    assert user.run("token", ALICE).code == 0


def test_an_address_opened_by_hand_signs_in(user: World, entra: Entra) -> None:
    """Where no browser opens, the printed address in any browser of this machine comes back to the listener."""
    script = chromium.person(user, entra, ALICE, PASSWORD)
    user.environ["BROWSER"] = "true"
    with Login(user, ALICE, "--browser", *options(entra)) as login:
        chromium.open_by_hand(user, script, login.address)
        page = chromium.seen(script)
        done = login.end()

    assert done.code == 0, done.err
    check(page, entra)
    assert page["title"] == "Signed in"


def test_cancel_comes_back(user: World, entra: Entra) -> None:
    """Who presses Cancel sees the page that says so, and login ends with 77."""
    entra.add_person(CAROL, PASSWORD, consent="ask")
    script = chromium.person(user, entra, CAROL, PASSWORD, "--cancel")

    done, page = sign_in(user, entra, script, CAROL)

    assert (done.code, files_of(user)) == (77, [])
    check(page, entra)
    assert page["title"] == "Not signed in"
    assert "AADSTS65004" in page["text"]


def test_a_refusal_that_comes_back_is_explained(user: World, entra: Entra) -> None:
    """Going back from "Need admin approval" ends the wait with what it means, in the browser and here."""
    entra.add_person(CAROL, PASSWORD, consent="admin")
    script = chromium.person(user, entra, CAROL, PASSWORD)

    done, page = sign_in(user, entra, script, CAROL)

    assert (done.code, files_of(user)) == (77, [])
    check(page, entra)
    assert page["title"] == "Not signed in"
    assert page["text"].count("\n") < 12
