"""MSAL behind one door: signing in, refreshing, and what every failure turns into."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.provider import http_client, msal_cache
from offlineimap_m365.provider import msal_client as door
from tests.m365.entra import THUNDERBIRD
from tests.m365.person import Browser
from tests.m365.wire import ConnectProxy
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, SCOPES, TOKEN, attempt, describe, provider

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


def test_signing_in_tells_who_it_was(world: World, entra: Entra) -> None:
    """A code is redeemed with one request; what comes is the person and a cache with one sign-in in it."""
    found = attempt(entra)

    kept = json.loads(found.cache)
    assert found.names == [ALICE]
    assert found.person == {"tid": entra.tenant, "oid": entra.people[0].oid}
    assert entra.count(TOKEN) == 1
    assert [len(kept[kind]) for kind in ("AccessToken", "RefreshToken", "Account")] == [1, 1, 1]


def test_a_sign_in_shows_no_secret(world: World, entra: Entra) -> None:
    """What stands for a sign-in shows neither tokens nor claims."""
    found = attempt(entra)

    assert repr(found) == "SignIn()"


@pytest.mark.parametrize(
    ("claim", "value", "said"),
    [
        ("iss", "https://evil.example", "issued by https://evil.example"),
        ("aud", "another", "another client id"),
        ("exp", 1, "it has expired"),
        ("exp", None, "it has expired"),
        ("exp", "tomorrow", "it has expired"),
        ("nonce", "another", "not accepted"),
    ],
)
def test_a_wrong_id_token_is_refused(world: World, entra: Entra, claim: str, value: object, said: str) -> None:
    """An ID token of another issuer, for another client, expired or with a wrong nonce is 77, and says so."""
    entra.id_token_claims_override = {claim: value}

    with pytest.raises(errors.SignInNeeded, match=f"{said}|was not accepted"):  # MSAL < 1.38 looks at some itself
        attempt(entra)


def test_a_wrong_state_is_refused(world: World, entra: Entra) -> None:
    """An address of an earlier attempt is 77, and no request is made."""
    tried = door.Attempt(provider(entra), ALICE)
    tried.begin("https://localhost", "a state", hint=ALICE)
    entra.forget()

    with pytest.raises(errors.SignInNeeded, match="earlier attempt"):
        tried.redeem({"code": "a code", "state": "another"})

    assert entra.requests == []


def test_an_answer_is_redeemed_once(world: World, entra: Entra) -> None:
    """The same address again is 77, not a second request with the same verifier."""
    tried = door.Attempt(provider(entra), ALICE)
    with Browser(entra.ca_file) as browser:
        landing = browser.sign_in(tried.begin("https://localhost", "s", hint=ALICE), ALICE, PASSWORD)
    answer = dict(parse_qsl(urlsplit(landing.address or "").query))
    tried.redeem(answer)

    with pytest.raises(errors.SignInNeeded):
        tried.redeem(answer)

    assert entra.count(TOKEN) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (50173, errors.SignInNeeded),
        (7000218, errors.Misconfigured),
        (700016, errors.Misconfigured),
        (50196, errors.Temporary),
    ],
)
def test_refusals_are_of_three_kinds(world: World, entra: Entra, code: int, kind: type[errors.M365Error]) -> None:
    """What Microsoft refuses is 77, 78 or 75 by its class, with its code; the cache stays what it was."""
    cache = attempt(entra).cache
    entra.fail_next(TOKEN, code=code)

    with pytest.raises(kind) as caught:
        door.refresh(describe(entra), cache)

    assert caught.value.code == f"AADSTS{code}"
    assert not isinstance(caught.value, errors.Temporary) or caught.value.retry_after == 300


@pytest.mark.parametrize(("named", "advised"), [(SCOPES[1], True), (" ".join(SCOPES), False), ("", False)])
def test_a_refresh_that_lacks_consent_for_smtp_only_says_so(
    world: World, entra: Entra, named: str, *, advised: bool
) -> None:
    """Then mail can be fetched without it; if IMAP is named, too, or nothing, that would not help."""
    cache = attempt(entra).cache
    words = f"AADSTS65001: The user or administrator has not consented: {named}"
    entra.fail_next(TOKEN, code=65001, extra={"error_description": words})

    with pytest.raises(errors.SignInNeeded) as caught:
        door.refresh(describe(entra), cache)

    assert ("--scope imap" in caught.value.remedy.text) == advised
    assert caught.value.prompt == "consent"


def test_a_refresh_of_a_generic_provider(world: World, entra: Entra) -> None:
    """Without client_info, scope and ID token the new access token still belongs to the same person."""
    entra.extras = False
    before = attempt(entra).cache

    after = json.loads(door.refresh(describe(entra), before))

    assert len(after["AccessToken"]) == 1
    owners = {entry["home_account_id"] for entry in after["AccessToken"].values()}
    assert owners == {entry["home_account_id"] for entry in after["Account"].values()}


@pytest.mark.parametrize(
    "cache", [b"{}", b"[]", b"", b"\xff", b'{"Account": {"a": 5}}', b'{"Account": 7}', b'{"RefreshToken": []}']
)
def test_what_is_no_cache_is_damaged(world: World, entra: Entra, cache: bytes) -> None:
    """A cache that MSAL cannot use is 78 with the command, whatever MSAL does with it."""
    account = describe(entra)
    entra.forget()

    with pytest.raises(errors.Misconfigured, match="damaged"):
        door.refresh(account, cache)

    assert entra.requests == []


@pytest.mark.parametrize(
    "answer", [{}, {"access_token": 5}, {"access_token": ["x"]}, {"expires_in": "soon"}, {"error": 5}]
)
def test_strange_answers_are_ours(world: World, entra: Entra, answer: dict[str, object]) -> None:
    """An answer that OAuth does not describe ends as an error of ours."""
    cache = attempt(entra).cache
    account = describe(entra)
    entra.fail_next(TOKEN, status=200, body=answer)

    with pytest.raises(errors.M365Error):
        door.refresh(account, cache)


@pytest.mark.parametrize("extras", [True, False])
def test_a_device_code_rides_through_an_outage(
    world: World, entra: Entra, extras: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two answers that are none do not end the wait for a person (RFC 8628 §3.5)."""
    monkeypatch.setattr(door, "_DEVICE_PAUSE", 0.1)
    entra.extras = extras
    tried = door.Attempt(provider(entra), ALICE)
    code = tried.begin_device()
    entra.fail_next("device_code", 2, status=503)
    with Browser(entra.ca_file) as browser:
        browser.enter_device_code(code.address, code.user_code, ALICE, PASSWORD)

    found = tried.poll_device(code)

    assert found.names == [ALICE]
    assert code.seconds == 900
    assert "device_code" not in repr(code)


def test_a_device_code_can_be_given_up(world: World, entra: Entra) -> None:
    """stop() ends the wait within seconds."""
    tried = door.Attempt(provider(entra), ALICE)
    code = tried.begin_device()
    threading.Timer(0.3, door.Attempt.stop, [code]).start()
    started = time.monotonic()

    with pytest.raises(errors.M365Error):
        tried.poll_device(code)

    assert time.monotonic() - started < 5


def refresh_token_of(found: door.SignIn) -> str:
    """Return the refresh token in the cache of a sign-in."""
    kept = msal_cache.refresh_token(found.cache)
    assert kept
    return kept


def test_a_refresh_token_of_another_program_is_adopted(world: World, entra: Entra) -> None:
    """One request redeems it; the answer tells whose it is, and the cache holds what may be kept."""
    entra.strict = True
    given = refresh_token_of(attempt(entra))
    entra.forget()

    found = door.Attempt(provider(entra), ALICE).adopt(given)

    assert [request.grant_type for request in entra.requests if request.method == "POST"] == ["refresh_token"]
    assert found.names == [ALICE]
    assert refresh_token_of(found) != given


def test_a_refresh_token_stays_where_no_other_is_issued(world: World, entra: Entra) -> None:
    """A provider may answer without another refresh token (RFC 6749 §6): then the one that was redeemed is kept."""
    given = refresh_token_of(attempt(entra))
    tried = door.Attempt(provider(entra), ALICE)
    fresh = json.loads(
        http_client.Wire().post(provider(entra).configuration()["token_endpoint"], data=_refresh(given)).text
    )
    entra.fail_next("refresh_token", status=200, body={k: v for k, v in fresh.items() if k != "refresh_token"})

    found = tried.adopt(given)

    assert refresh_token_of(found) == given


def _refresh(refresh_token: str) -> dict[str, str]:
    """Return the form of a refresh, as another program would send it."""
    scope = " ".join(["openid", "profile", "offline_access", *SCOPES])
    return {
        "grant_type": "refresh_token", "client_id": THUNDERBIRD, "refresh_token": refresh_token, "scope": scope,
        "client_info": "1",
    }  # fmt: skip


def test_a_refresh_token_that_tells_nobody_is_not_adopted(world: World, entra: Entra) -> None:
    """Without an ID token nobody knows whose it is: 78."""
    given = refresh_token_of(attempt(entra))
    entra.fail_next("refresh_token", status=200, body={"access_token": "a", "expires_in": 3600, "token_type": "Bearer"})

    with pytest.raises(errors.Misconfigured, match="no ID token"):
        door.Attempt(provider(entra), ALICE).adopt(given)


def test_discovery_keeps_what_is_needed(world: World, entra: Entra) -> None:
    """Of a custom authority's OpenID configuration the issuer and three addresses are kept."""
    found = door.discover(entra.authority)

    assert sorted(found) == ["authorization_endpoint", "device_authorization_endpoint", "issuer", "token_endpoint"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"token_endpoint": "http://x/t"}, "not https: http://x/t"),
        ({"device_authorization_endpoint": "http://x/d"}, "not https: http://x/d"),
        ({"token_endpoint": 5}, "no token_endpoint"),
        ({"authorization_endpoint": None}, "no authorization_endpoint"),
        ({"issuer": None}, "no issuer"),
        ({"issuer": ""}, "no issuer"),
    ],
)
def test_a_configuration_that_cannot_be_used(world: World, entra: Entra, change: dict[str, object], text: str) -> None:
    """A configuration without an issuer or an endpoint, or with one that is not https, is 78."""
    body = {"issuer": "https://x", "token_endpoint": "https://x/t", "authorization_endpoint": "https://x/a"} | change
    entra.fail_next("openid-configuration", 2, status=200, body=body)

    with pytest.raises(errors.Misconfigured, match=text):
        door.discover(entra.authority)


def test_nobody_serves_a_configuration(world: World, entra: Entra) -> None:
    """An authority without a configuration is 78; both places were looked at."""
    with pytest.raises(errors.Misconfigured, match="is not there"):
        door.discover(f"https://localhost:{entra.port}/nowhere.example")

    assert len(entra.requests) == 2


def test_the_default_authority(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft's own host is asked for nothing but the token: its configuration follows a template."""
    host = "login.microsoftonline.com"
    known = door.Provider(THUNDERBIRD, f"https://{host}/common", SCOPES)
    tried = door.Attempt(known, ALICE)
    with ConnectProxy({f"{host}:443": ("127.0.0.1", entra.port)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        address = tried.begin("https://localhost", "s", hint=ALICE)
        asked_before = len(entra.requests)
        with Browser(entra.ca_file, proxy=proxy.url) as browser:
            landing = browser.sign_in(address, ALICE, PASSWORD)
        found = tried.redeem(dict(parse_qsl(urlsplit(landing.address or "").query)))

    assert asked_before == 0
    assert found.names == [ALICE]
    assert proxy.refused == []
    assert entra.count("openid-configuration") == 0


def test_msal_logs_nothing(world: World, entra: Entra, caplog: pytest.LogCaptureFixture) -> None:
    """MSAL, which logs codes and bodies, is silent even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    entra.fail_next(TOKEN, status=200, body="a secret body")

    with pytest.raises(errors.Temporary):
        attempt(entra)

    assert [record for record in caplog.records if record.name.startswith("msal")] == []
