"""One attempt to sign in: whose it became, and what every failure turns into."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.provider import msal_cache
from offlineimap_m365.signin import attempt as attempts
from offlineimap_m365.signin.attempt import Attempt, granted
from tests.signed_in_accounts import ALICE, SCOPES, TOKEN, attempt, provider

if TYPE_CHECKING:
    from tests.m365.entra import Entra

pytestmark = [pytest.mark.matrix, pytest.mark.usefixtures("world")]


def test_signing_in_tells_who_it_was(entra: Entra) -> None:
    """A code is redeemed with one request; the result is the person and a cache with one sign-in, and shows neither."""
    signed_in = attempt(entra)

    cache = json.loads(signed_in.cache)
    assert signed_in.names == [ALICE]
    assert signed_in.person == {"tid": entra.tenant, "oid": entra.people[0].oid}
    assert entra.count(TOKEN) == 1
    assert [len(cache[kind]) for kind in ("AccessToken", "RefreshToken", "Account")] == [1, 1, 1]
    assert repr(signed_in) == "SignIn()"


@pytest.mark.parametrize(
    ("claim", "value", "reason"),
    [
        ("iss", "https://evil.example", "issued by https://evil.example"),
        ("aud", "another", "another client id"),
        *(("exp", value, "it has expired") for value in (1, None, "tomorrow")),
        *(("nonce", value, "not accepted") for value in ("another", None)),
    ],
)
def test_a_wrong_id_token_is_refused(entra: Entra, claim: str, value: object, reason: str) -> None:
    """An ID token of another issuer, for another client, expired or with a wrong nonce is 77, and the error says so."""
    entra.id_token_claims_override = {claim: value}

    with pytest.raises(errors.SignInNeeded, match=f"{reason}|was not accepted"):  # MSAL < 1.38 looks at some itself
        attempt(entra)


def test_a_device_code_outlasts_an_outage(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two answers that are none do not end the wait for a person (RFC 8628 §3.5)."""
    monkeypatch.setattr(attempts, "_DEVICE_PAUSE", 0.01)
    tried = Attempt(provider(entra), ALICE)
    shown = tried.begin_device()
    entra.fail_next("device_code", 2, status=503)
    (code,) = entra.device_codes.values()
    code.person, code.approved = entra.find_person(ALICE), True

    signed_in = tried.poll_device()

    assert signed_in.names == [ALICE]
    assert (shown["user_code"], shown["expires_in"]) == (code.user_code, 900)


def test_a_refresh_token_of_another_program_is_adopted(entra: Entra) -> None:
    """One request redeems it; the answer tells whose it is, and the cache holds what may be kept; else it is 78."""
    entra.strict = True
    given = msal_cache.refresh_token(attempt(entra).cache)
    assert given
    entra.forget()

    signed_in = Attempt(provider(entra), ALICE).adopt(given)
    asked = [request.grant_type for request in entra.requests if request.method == "POST"]
    newer = msal_cache.refresh_token(signed_in.cache)
    entra.fail_next("refresh_token", status=200, body={"access_token": "a", "expires_in": 3600, "token_type": "Bearer"})
    with pytest.raises(errors.Misconfigured, match="no ID token"):
        Attempt(provider(entra), ALICE).adopt(str(newer))

    assert (asked, signed_in.names) == (["refresh_token"], [ALICE])
    assert newer not in (None, given)


@pytest.mark.once
@pytest.mark.parametrize(
    ("answered", "scopes"),
    [
        (" ".join(SCOPES), SCOPES),
        ("https://outlook.office365.com/imap.accessasuser.all openid", SCOPES[:1]),
        (f"profile {SCOPES[1]} offline_access", SCOPES[1:]),
        *((told, None) for told in ("https://outlook.office.com/.default", None, ["x"])),
    ],
)
def test_what_was_granted_is_in_the_answer(answered: object, scopes: tuple[str, ...] | None) -> None:
    """By the ends of the names, whatever host they have; words that name none of them tell nothing."""
    assert granted(SCOPES, answered) == scopes
