"""Signing in with a real browser: Chromium on the sign-in pages, to the page that the listener serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pytest

from tests.sign_in import PASSWORD, Login, options
from tests.signed_in_accounts import ALICE
from tests.whole import chromium
from tests.whole.terminal import files_of, secrets_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World


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


Consent = Literal["granted", "ask", "admin"]
#: Who may use the application, what is pressed, and how it ends: the exit code, the last page's title and words.
ENDS: dict[str, tuple[Consent, list[str], int, str, str]] = {
    "signed in": ("granted", [], 0, "Signed in", f"{ALICE} is signed in.\nYou can close this window"),
    "cancel": ("ask", ["--cancel"], 77, "Not signed in", "AADSTS65004"),
    "need admin approval": ("admin", [], 77, "Not signed in", "AADSTS"),
}


@pytest.mark.parametrize(("consent", "pressed", "code", "title", "words"), ENDS.values(), ids=ENDS)
def test_a_browser_that_opens_by_itself_shows_how_it_ended(  # noqa: PLR0917 - the columns of the table
    user: World,
    entra: Entra,
    consent: Consent,
    pressed: list[str],
    code: int,
    title: str,
    words: str,
) -> None:
    """Address, password, and the page that says so, in a few lines: nothing else is asked, and nothing is left."""
    entra.people[0].consent = consent
    script = chromium.person(user, entra, ALICE, PASSWORD, *pressed)
    user.environ["BROWSER"] = str(script)

    with Login(user, ALICE, *options(entra)) as login:
        page = chromium.seen(script)
        done = login.end()

    assert done.code == code, done.err
    check(page, entra)
    assert page["title"] == title
    assert words in page["text"]
    assert page["text"].count("\n") < 12
    assert (user.run("token", ALICE).code == 0) == (code == 0)
    assert (files_of(user) == []) == (code != 0)
