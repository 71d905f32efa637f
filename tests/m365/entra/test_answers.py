"""The token endpoint: what it refuses, with which number, and the answers that a test orders."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.m365.entra import CAPTIVE_PORTAL, CONSUMERS
from tests.m365.entra.program import IMAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.m365.entra.program import Program
    from tests.m365.person import Browser


@pytest.fixture
def landing(program: Program, browser: Browser) -> str:
    """Sign alice in; return where it ended."""
    return str(browser.sign_in(program.address(), "alice@example.org", "sesame").address)


@pytest.fixture
def token(program: Program, landing: str) -> dict[str, Any]:
    """Return what alice's program got."""
    answer: dict[str, Any] = program.redeem(landing).json()
    return answer


def refused(response: requests.Response) -> tuple[str, int]:
    """Return name and number of a refusal."""
    body = response.json()
    return body["error"], body["error_codes"][0]


def test_refusal_has_entras_members(program: Program) -> None:
    """A refusal carries the members that Entra's has, and repeats the client's request id."""
    form = {"client_id": program.client_id, "grant_type": "refresh_token", "refresh_token": "made up"}
    sent = {"client-request-id": "11111111-2222-3333-4444-555555555555"}

    response = program.http.post(program.url("oauth2/v2.0/token"), data=form, headers=sent, timeout=10)

    body = response.json()
    assert response.status_code == 400
    assert body["error"] == "invalid_grant"
    assert body["error_codes"] == [70000]
    assert body["error_description"].startswith("AADSTS70000: ")
    assert f"Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']}" in body["error_description"]
    assert body["correlation_id"] == sent["client-request-id"]
    assert body["timestamp"] in body["error_description"]
    assert body["error_uri"].endswith("/error?code=70000")


BAD_CODES: dict[str, tuple[Callable[[Program, str], object], dict[str, str], int]] = {
    "another verifier": (lambda _program, _landing: None, {"code_verifier": "x" * 43}, 501481),
    "made up": (lambda _program, _landing: None, {"code": "made up"}, 70000),
    "another redirect": (lambda _program, _landing: None, {"redirect_uri": "http://localhost"}, 500112),
    "a public client's secret": (lambda _program, _landing: None, {"client_secret": "none of it"}, 700025),
    "used": (lambda program, landing: program.redeem(landing), {}, 54005),
    "ten minutes old": (lambda program, _landing: setattr(program.entra, "code_seconds", -1), {}, 70008),
    "another tenant": (lambda program, _landing: setattr(program, "tenant", program.entra.tenant), {}, 700005),
}


@pytest.mark.parametrize("case", BAD_CODES)
def test_code_is_bound_to_its_request(program: Program, landing: str, case: str) -> None:
    """A code is good once, for ten minutes, with verifier, redirect, client and tenant of its request."""
    prepare, changes, number = BAD_CODES[case]
    prepare(program, landing)

    response = program.redeem(landing, **changes)

    assert refused(response)[1] == number


def test_entra_leaves_old_refresh_tokens_alone(program: Program, token: dict[str, Any]) -> None:
    """Lenient: every use issues another refresh token, the old one stays good."""
    first = program.refresh(token["refresh_token"]).json()
    second = program.refresh(token["refresh_token"])

    assert second.status_code == 200
    assert len({token["refresh_token"], first["refresh_token"], second.json()["refresh_token"]}) == 3


def test_strict_provider_revokes_the_grant(entra: Entra, program: Program, token: dict[str, Any]) -> None:
    """Strict: the second use of a refresh token ends the grant, the newest token included."""
    entra.strict = True
    newest = program.refresh(token["refresh_token"]).json()["refresh_token"]

    again = program.refresh(token["refresh_token"])
    after = program.refresh(newest)

    assert refused(again) == ("invalid_grant", 70000)
    assert refused(after) == ("invalid_grant", 70000)


def test_strict_provider_serves_one_of_many(entra: Entra, program: Program, token: dict[str, Any]) -> None:
    """Of eight that use the same refresh token at once, a strict provider serves one."""
    entra.strict = True

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: program.refresh(token["refresh_token"]), range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert entra.count("refresh_token") == 8


def test_refresh_tokens_are_taken_back(entra: Entra, program: Program, browser: Browser, token: dict[str, Any]) -> None:
    """Revoked is AADSTS50173, expired AADSTS700082; a new sign-in is good again."""
    entra.revoke("alice@example.org")
    revoked = program.refresh(token["refresh_token"])
    entra.expire("alice@example.org")
    expired = program.refresh(token["refresh_token"])
    landing = browser.sign_in(program.address(), "alice@example.org", "sesame")
    anew = program.refresh(program.redeem(landing.address).json()["refresh_token"])

    assert refused(revoked) == ("invalid_grant", 50173)
    assert refused(expired) == ("invalid_grant", 700082)
    assert anew.status_code == 200


@pytest.mark.parametrize(
    ("tenant", "scope", "refusal"),
    [
        ("common", "https://outlook.office.com/Calendar.Nothing", ("invalid_scope", 70011)),
        ("common", f"{IMAP} https://graph.microsoft.com/User.Read", ("invalid_scope", 700022)),
        ("common", "https://outlook.office.com/POP.AccessAsUser.All", ("invalid_grant", 65001)),
        ("consumers", IMAP, ("invalid_grant", 7000012)),
    ],
)
def test_refresh_is_bound_to_its_grant(
    program: Program, token: dict[str, Any], tenant: str, scope: str, refusal: tuple[str, int]
) -> None:
    """Unknown scopes, scopes of two resources, scopes never consented to and other tenants have their own numbers."""
    program.tenant = tenant

    response = program.refresh(token["refresh_token"], scope=scope)

    assert refused(response) == refusal


def test_refresh_grants_only_what_it_asks_for(program: Program, token: dict[str, Any]) -> None:
    """A refresh that asks for one of two scopes gets one."""
    answer = program.refresh(token["refresh_token"], scope=IMAP).json()

    assert answer["scope"] == IMAP


@pytest.mark.parametrize(
    ("secret", "error", "number"), [("", "invalid_client", 7000218), ("wrong", "invalid_client", 7000215)]
)
def test_confidential_client_proves_itself(
    entra: Entra, program: Program, secret: str, error: str, number: int
) -> None:
    """A confidential client without its secret, or with a wrong one, is refused with status 401."""
    entra.add_client("app", [], public=False, secret="right")
    program.client_id, program.tenant = "app", entra.tenant

    response = program.post(grant_type="client_credentials", scope="x/.default", client_secret=secret)

    assert response.status_code == 401
    assert refused(response) == (error, number)


def test_unknown_client_grant_and_tenant(program: Program) -> None:
    """An unknown client, flow or tenant is named as such."""
    grant = program.post(grant_type="password")
    program.client_id = "nobody"
    client = program.post(grant_type="refresh_token", refresh_token="x")
    program.tenant = "nowhere.example"
    tenant = program.post(grant_type="refresh_token", refresh_token="x")

    assert refused(grant) == ("unsupported_grant_type", 70003)
    assert refused(client) == ("unauthorized_client", 700016)
    assert refused(tenant) == ("invalid_request", 90002)


def test_generic_provider_keeps_to_the_rfcs(entra: Entra, program: Program, landing: str) -> None:
    """Without extras there is no client_info, no scope, no description and no error code."""
    entra.extras = False

    answer = program.redeem(landing, client_info="1").json()
    refusal = program.refresh("made up").json()
    device = program.post("oauth2/v2.0/devicecode", scope=IMAP).json()

    assert set(answer) == {"token_type", "expires_in", "access_token", "refresh_token", "id_token"}
    assert refusal == {"error": "invalid_grant"}
    assert set(device) == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}


def test_discovery_names_issuers_as_microsoft_does(entra: Entra, program: Program) -> None:
    """The issuer of common is a placeholder, a domain's document leads to the tenant's id."""

    def issuer(tenant: str) -> tuple[str, str]:
        program.tenant = tenant
        document = program.http.get(program.url("v2.0/.well-known/openid-configuration"), timeout=10).json()
        return document["issuer"], document["token_endpoint"]

    base = f"https://localhost:{entra.port}"
    assert issuer("common") == (f"{base}/{{tenantid}}/v2.0", f"{base}/common/oauth2/v2.0/token")
    assert issuer("consumers")[0] == f"{base}/{CONSUMERS}/v2.0"
    assert issuer("example.org") == (entra.issuer, f"{entra.authority}/oauth2/v2.0/token")


def test_ordered_answers_come_first(entra: Entra, program: Program, token: dict[str, Any]) -> None:
    """Throttling, a captive portal and a number are answered as ordered, then all is as before."""
    entra.fail_next("token", status=429, headers={"Retry-After": "7"})
    entra.fail_next("refresh_token", body=CAPTIVE_PORTAL)
    entra.fail_next("token", code=53003, extra={"claims": "{}"})

    throttled, portal, blocked, good = (program.refresh(token["refresh_token"]) for _ in range(4))

    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
    assert portal.text == CAPTIVE_PORTAL
    assert (refused(blocked), blocked.json()["claims"]) == (("access_denied", 53003), "{}")
    assert good.status_code == 200
    assert [request.status for request in entra.requests[-4:]] == [429, 200, 400, 200]


@pytest.mark.parametrize(("drop", "used"), [("before", False), ("after", True)])
def test_connection_drops_as_ordered(
    entra: Entra, program: Program, token: dict[str, Any], drop: Any, used: bool
) -> None:
    """A connection ends before the refresh token is used, or after it was and the answer is lost."""
    entra.fail_next("token", drop=drop)

    with pytest.raises(requests.exceptions.ConnectionError):
        program.refresh(token["refresh_token"])

    assert entra.refresh_tokens[token["refresh_token"]].rotated is used
    assert entra.requests[-1].status == 0


def test_answers_are_held_back(entra: Entra, program: Program, token: dict[str, Any]) -> None:
    """A delay holds the answer back."""
    entra.delay = 0.3
    before = time.monotonic()

    response = program.refresh(token["refresh_token"])

    assert response.status_code == 200
    assert time.monotonic() - before >= 0.3


def test_recorded_requests_hold_no_secret(entra: Entra, program: Program, token: dict[str, Any]) -> None:
    """A recorded request holds the names of its fields and none of the secrets in them."""
    program.refresh(token["refresh_token"])

    noted = entra.requests[-1]
    assert "refresh_token" in noted.names
    assert token["refresh_token"] not in repr(entra.requests)
    assert program.verifier not in repr(entra.requests)
    assert "sesame" not in repr(entra.requests)
