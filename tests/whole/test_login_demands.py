"""What Microsoft demands of the next sign-in reaches it: claims, prompts, permissions; and what a place refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from tests.in_process import asked_for, pasting, run, sign_in
from tests.m365.person import Browser
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, SCOPES, keep

if TYPE_CHECKING:
    from tests.m365.entra import Entra, Person
    from tests.world import Outcome, World

CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
IMAP, SMTP = SCOPES


@pytest.fixture
def alice(world: World, entra: Entra) -> Person:
    """Return Alice as Microsoft knows her; she is signed in, and her token needs a refresh."""
    entra.access_token_seconds = 3600
    keep(entra, chosen={"authority": entra.authority})
    world.age(ALICE)
    found = entra.find_person(ALICE)
    assert found is not None
    return found


def demanded(done: Outcome) -> tuple[str | None, str | None]:
    """Return prompt and claims in the address that a login printed."""
    query = asked_for(done)
    return query.get("prompt"), query.get("claims")


@pytest.mark.matrix
def test_claims_of_a_refused_refresh_are_proved_at_the_next_login(world: World, entra: Entra, alice: Person) -> None:
    """The claims go out as they came, once; without them the provider would refuse for ever."""
    alice.demands = CLAIMS
    refused = run("refresh")
    first = sign_in(entra, ALICE, "login")
    world.age(ALICE)
    refreshed = run("refresh")
    second = sign_in(entra, ALICE, "login")

    assert [done.code for done in (refused, first, refreshed)] == [77, 0, 0], refused.err + first.err + refreshed.err
    assert "AADSTS50076" in refused.err
    assert [demanded(first), demanded(second)] == [(None, CLAIMS), (None, None)]


def test_a_device_code_proves_claims_as_well(alice: Person, entra: Entra) -> None:
    """Who signs in with a device code sends them with the question for the token."""
    entra.fail_next("refresh_token", code=50076, extra={"claims": CLAIMS})
    run("refresh")
    entra.forget()

    def type_code(address: str) -> str:
        (code,) = entra.device_codes.values()
        with Browser(entra.ca_file) as browser:
            browser.enter_device_code(address, code.user_code, ALICE, PASSWORD)
        return ""

    with pasting(type_code):
        done = run("login", "--device")

    assert done.code == 0, done.err
    assert {request.claims for request in entra.requests if str(request.grant_type).endswith("device_code")} == {CLAIMS}


@pytest.mark.parametrize(("code", "prompt"), [(70043, "login"), (50173, "login"), (65001, "consent"), (700082, None)])
def test_some_refusals_force_the_page_to_ask(alice: Person, entra: Entra, code: int, prompt: str | None) -> None:
    """Sign-in frequency and revocation want the password anew, a lack of consent the consent page; once."""
    entra.refuse(ALICE, code)
    refused = run("refresh")
    runs = [sign_in(entra, ALICE, "login") for _ in range(2)]

    assert [done.code for done in (refused, *runs)] == [77, 0, 0], refused.err + runs[0].err
    assert [demanded(done) for done in runs] == [(prompt, None), (None, None)]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("withheld", "words"), [(SMTP, "msmtp and others that send"), (IMAP, "OfflineIMAP and others")]
)
def test_a_permission_that_was_not_granted_is_told_and_not_asked_for(
    world: World, entra: Entra, alice: Person, withheld: str, words: str
) -> None:
    """The answer tells what was granted: the rest works, refreshes ask for it only, and the next login for all."""
    alice.withheld = frozenset({withheld.rpartition("/")[2]})
    done = sign_in(entra, ALICE, "login")
    kept = profiles.get(ALICE).scopes
    entra.forget()
    world.age(ALICE)
    refreshed = run("refresh")
    scopes = {request.scope for request in entra.requests if request.grant_type == "refresh_token"}
    alice.withheld = frozenset()
    again = sign_in(entra, ALICE, "login")

    assert [run.code for run in (done, refreshed, again)] == [0, 0, 0], done.err + refreshed.err
    assert words in done.err
    assert f"offlineimap-m365 consent {ALICE}" in done.err
    assert kept == tuple({IMAP, SMTP} - {withheld})
    assert not [scope for scope in scopes if withheld in str(scope)]
    assert "not granted" not in again.err


def test_what_depends_on_the_place_passes_by_itself(world: World, entra: Entra, alice: Person) -> None:
    """77 and ``waiting``; the next refresh that may ask again succeeds without anybody, and all is well."""
    entra.fail_next("refresh_token", code=53003)
    refused, again = run("refresh"), run("refresh")
    waiting = run("status", "--json")
    path = world.folder(ALICE) / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    state["failure"]["until"] = 1  # as if 15 minutes had gone by
    path.write_text(json.dumps(state), encoding="utf-8")
    requests = entra.count("refresh_token")
    later, after = run("refresh"), run("status", "--json")

    assert [done.code for done in (refused, again, waiting, later, after)] == [77, 77, 0, 0, 0], refused.err + later.err
    assert (requests, entra.count("refresh_token")) == (1, 2)
    assert [json.loads(done.out)["accounts"][0]["state"] for done in (waiting, after)] == ["waiting", "ok"]
    assert state["failing_since"]
    assert "failing_since" not in json.loads(path.read_text(encoding="utf-8"))
