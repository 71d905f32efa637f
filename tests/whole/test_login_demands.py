"""What Microsoft demands of the next sign-in reaches it: claims, prompts, permissions; and what a place refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.m365.person import Browser
from tests.sign_in import PASSWORD, Login, options, sign_in
from tests.whole.terminal import Terminal

if TYPE_CHECKING:
    from tests.m365.entra import Entra, Person
    from tests.world import World

ALICE = "alice@example.org"
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
IMAP, SMTP = "https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send"


@pytest.fixture
def alice(entra: Entra) -> Person:
    """Return Alice as Microsoft knows her."""
    found = entra.find_person(ALICE)
    assert found is not None
    return found


def asked(entra: Entra) -> list[tuple[str | None, str | None]]:
    """Return prompt and claims of all sign-in pages so far; and forget them."""
    pages = [request for request in entra.requests if request.path.endswith("/authorize")]
    entra.forget()
    return [(page.prompt, page.claims) for page in pages]


@pytest.mark.matrix
def test_claims_of_a_refused_refresh_are_proved_at_the_next_login(user: World, entra: Entra, alice: Person) -> None:
    """The claims go out as they came, once; without them the provider would refuse for ever."""
    entra.access_token_seconds = 3600
    sign_in(user, entra, ALICE, *options(entra))
    alice.demands = CLAIMS
    user.age(ALICE)
    refused = user.run("refresh")
    entra.forget()
    done = sign_in(user, entra, ALICE)
    first = asked(entra)
    user.age(ALICE)
    refreshed = user.run("refresh")
    sign_in(user, entra, ALICE)

    assert [run.code for run in (refused, done, refreshed)] == [77, 0, 0], refused.err + done.err + refreshed.err
    assert "AADSTS50076" in refused.err
    assert first == [(None, CLAIMS)]
    assert asked(entra) == [(None, None)]


def test_claims_that_come_in_the_address_are_proved_next(user: World, entra: Entra) -> None:
    """A redirect that demands more than was proved is kept like a refused refresh, and not repeated to anybody."""
    sign_in(user, entra, ALICE, *options(entra))
    with Login(user, ALICE, "--paste") as login:
        state = parse_qs(urlsplit(login.address).query)["state"][0]
        error = {"error": "interaction_required", "error_description": "AADSTS50076: more", "claims": CLAIMS}
        refused = login.paste(f"https://localhost/?{urlencode({**error, 'state': state})}")
    entra.forget()
    done = sign_in(user, entra, ALICE)

    assert (refused.code, done.code) == (77, 0), refused.err + done.err
    assert "AADSTS50076" in refused.err
    assert "acrs" not in refused.err
    assert asked(entra) == [(None, CLAIMS)]


def test_a_device_code_proves_claims_as_well(user: World, entra: Entra) -> None:
    """Who signs in with a device code sends them with the question for the token."""
    sign_in(user, entra, ALICE, *options(entra))
    user.age(ALICE)
    entra.fail_next("refresh_token", code=50076, extra={"claims": CLAIMS})
    user.run("refresh")
    entra.forget()
    with Login(user, ALICE, "--device") as login, Browser(entra.ca_file) as browser:
        code = login.device_code
        browser.enter_device_code(login.address, code, ALICE, PASSWORD)
        done = login.end()

    assert done.code == 0, done.err
    assert {request.claims for request in entra.requests if str(request.grant_type).endswith("device_code")} == {CLAIMS}


@pytest.mark.parametrize(("code", "prompt"), [(70043, "login"), (50173, "login"), (65001, "consent"), (700082, None)])
def test_some_refusals_force_the_page_to_ask(user: World, entra: Entra, code: int, prompt: str | None) -> None:
    """Sign-in frequency and revocation want the password anew, a lack of consent the consent page; once."""
    sign_in(user, entra, ALICE, *options(entra))
    entra.refuse(ALICE, code)
    user.age(ALICE)
    refused = user.run("refresh")
    entra.forget()
    runs = [sign_in(user, entra, ALICE) for _ in range(2)]

    assert [run.code for run in (refused, *runs)] == [77, 0, 0], refused.err + runs[0].err
    assert asked(entra) == [(prompt, None), (None, None)]


def test_a_demand_at_a_first_login_is_met_in_it(user: World, entra: Entra, alice: Person) -> None:
    """On a terminal the second page asks for the proof at once; nothing had to be kept for that."""
    assert alice
    entra.fail_next("authorization_code", code=50076, extra={"claims": CLAIMS})
    with Terminal(user, "login", ALICE, "--paste", *options(entra)) as terminal, Browser(entra.ca_file) as browser:
        terminal.type(f"{browser.sign_in(terminal.address, ALICE, PASSWORD).address}\r")
        terminal.wait_for("(Enter: abort): ")
        terminal.type("y\r")
        terminal.wait_for("paste its text here.", times=2)
        terminal.wait_until_taken_over()
        second = [line for line in terminal.screen.splitlines() if line.startswith("https://")][-1]
        terminal.type(f"{browser.sign_in(second, ALICE, PASSWORD).address}\r")
        done = terminal.end()

    assert done.code == 0, done.err
    assert asked(entra)[-1] == (None, CLAIMS)


# Permissions


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("withheld", "words"), [(SMTP, "msmtp and others that send"), (IMAP, "OfflineIMAP and others")]
)
def test_a_permission_that_was_not_granted_is_told_and_not_asked_for(
    user: World, entra: Entra, alice: Person, withheld: str, words: str
) -> None:
    """The answer tells what was granted: the rest works, refreshes ask for it only, and the next login for all."""
    entra.access_token_seconds = 3600
    alice.withheld = frozenset({withheld.rpartition("/")[2]})
    done = sign_in(user, entra, ALICE, *options(entra))
    entra.forget()
    user.age(ALICE)
    refreshed = user.run("refresh")
    scopes = {request.scope for request in entra.requests if request.grant_type == "refresh_token"}
    profile = json.loads((user.folder(ALICE) / "profile.json").read_text(encoding="utf-8"))
    alice.withheld = frozenset()
    again = sign_in(user, entra, ALICE)

    assert [run.code for run in (done, refreshed, again)] == [0, 0, 0], done.err + refreshed.err
    assert words in done.err
    assert f"offlineimap-m365 consent {ALICE}" in done.err
    assert profile["scopes"] == [({IMAP, SMTP} - {withheld}).pop()]
    assert not [scope for scope in scopes if withheld in str(scope)]
    assert "not granted" not in again.err


def test_imap_alone_is_never_more(user: World, entra: Entra) -> None:
    """An account with ``--scope imap`` never asks for SMTP: not at login, not at a refresh, not later."""
    entra.access_token_seconds = 3600
    runs = [sign_in(user, entra, ALICE, "--scope", "imap", *options(entra))]
    user.age(ALICE)
    runs += [user.run("refresh"), user.run("token", ALICE), sign_in(user, entra, ALICE)]
    scopes = {request.scope for request in entra.requests if request.scope}

    assert [run.code for run in runs] == [0] * 4, runs
    assert scopes
    assert not [scope for scope in scopes if "SMTP" in scope]


# Places


@pytest.mark.parametrize("code", [53003, 50131, 530034, 53011, 500021])
def test_what_depends_on_the_place_passes_by_itself(user: World, entra: Entra, code: int) -> None:
    """77 and ``waiting``; the next refresh that may ask again succeeds without anybody, and all is well."""
    entra.access_token_seconds = 3600
    sign_in(user, entra, ALICE, *options(entra))
    user.age(ALICE)
    entra.fail_next("refresh_token", code=code)
    refused, again = user.run("refresh"), user.run("refresh")
    waiting = user.run("status", "--json")
    path = user.folder(ALICE) / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    since = state["failing_since"]
    state["failure"]["until"] = 1  # as if 15 minutes had gone by
    path.write_text(json.dumps(state), encoding="utf-8")
    requests = entra.count("refresh_token")
    later, after = user.run("refresh"), user.run("status", "--json")

    assert [run.code for run in (refused, again, waiting, later, after)] == [77, 77, 0, 0, 0], refused.err + later.err
    assert (requests, entra.count("refresh_token")) == (1, 2)
    assert json.loads(waiting.out)["accounts"][0]["state"] == "waiting"
    assert since
    assert json.loads(after.out)["accounts"][0]["state"] == "ok"
    assert "failing_since" not in json.loads(path.read_text(encoding="utf-8"))
