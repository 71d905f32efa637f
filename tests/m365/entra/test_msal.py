"""Entra as MSAL sees it, in every flow, and through a proxy under the default authority's name."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import msal
import pytest
import requests
import trustme

from tests.m365.entra import THUNDERBIRD, Entra
from tests.m365.entra.program import IMAP, SMTP
from tests.m365.person import Browser
from tests.m365.wire import ConnectProxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra.program import Program

SCOPES = [IMAP, SMTP]


def public(entra: Entra, http: requests.Session, tenant: str = "common") -> Any:
    """Return MSAL as Thunderbird."""
    authority = entra.authority_for(tenant)
    return msal.PublicClientApplication(THUNDERBIRD, authority=authority, http_client=http, instance_discovery=False)


def sign_in(app: Any, browser: Browser, address: str = "alice@example.org") -> dict[str, Any]:
    """Sign *address* in through MSAL's authorisation code flow."""
    with warnings.catch_warnings():
        # MSAL recommends form_post, which leaves nothing to paste.
        warnings.simplefilter("ignore", UserWarning)
        flow = app.initiate_auth_code_flow(SCOPES, redirect_uri="http://localhost:4711", login_hint=address)
    landing = browser.sign_in(flow["auth_uri"], address, "sesame")
    query = dict(parse_qsl(urlsplit(landing.address or "").query))
    result: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, query)
    return result


def claims(token: str, entra: Entra, audience: str) -> dict[str, Any]:
    """Return the claims of *token* after a check of its signature with the published key."""
    result: dict[str, Any] = jwt.decode(token, entra.public_key_pem, algorithms=["RS256"], audience=audience)
    return result


def test_code_flow(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """MSAL gets tokens with PKCE and nonce, in one token request."""
    result = sign_in(public(entra, http), browser)

    assert result["scope"] == f"{IMAP} {SMTP}"
    assert result["expires_in"] == 3600
    assert result["id_token_claims"]["preferred_username"] == "alice@example.org"
    assert 1100 < len(result["refresh_token"]) < 1300
    assert entra.count("authorization_code") == entra.count("token") == 1


def test_access_token_is_a_signed_jwt_of_real_length(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """An access token has Exchange's claims, a type and a key id in its header, and 1.4 kB."""
    token = sign_in(public(entra, http), browser)["access_token"]

    found = claims(token, entra, "https://outlook.office.com")
    header = jwt.get_unverified_header(token)
    assert found["upn"] == found["email"] == "alice@example.org"
    assert found["scp"] == "IMAP.AccessAsUser.All SMTP.Send"
    assert found["exp"] - found["iat"] == 3600
    assert found["tid"] == entra.tenant
    assert found["iss"] in entra.issuers()
    assert (header["typ"], header["alg"], header["kid"]) == ("JWT", "RS256", entra.kid)
    assert 1400 <= len(token) < 1500


def test_one_account_has_a_long_token(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """A person may have a token of 4 kB."""
    entra.add_person("bob@example.org", "sesame", token_bytes=4000)

    token = sign_in(public(entra, http), browser, "bob@example.org")["access_token"]

    assert 4000 <= len(token) < 4100
    assert claims(token, entra, "https://outlook.office.com")["upn"] == "bob@example.org"


def test_id_token_is_signed_by_a_published_key(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """An ID token verifies with the key set that discovery names, and its issuer is the person's tenant."""
    result = sign_in(public(entra, http), browser)
    document = http.get(f"{entra.authority}/v2.0/.well-known/openid-configuration", timeout=10).json()
    published = http.get(document["jwks_uri"], timeout=10).json()["keys"][0]

    found = jwt.decode(
        result["id_token"], jwt.PyJWK(published), algorithms=["RS256"], audience=THUNDERBIRD, issuer=document["issuer"]
    )

    assert found["tid"] == entra.tenant
    assert found["ver"] == "2.0"


def test_id_token_can_be_wrong(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """A test may spoil the claims of ID tokens: MSAL refuses a wrong nonce."""
    entra.id_token_claims_override = {"nonce": "another"}

    with pytest.raises(RuntimeError, match="nonce"):
        sign_in(public(entra, http), browser)


def test_refresh_rotates(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """MSAL refreshes a dying token in one request and keeps the new refresh token."""
    entra.access_token_seconds = 299
    app = public(entra, http)
    first = sign_in(app, browser)

    second = app.acquire_token_silent(SCOPES, account=app.get_accounts()[0])

    kept = list(app.token_cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN))
    assert second["access_token"] != first["access_token"]
    assert entra.count("refresh_token") == 1
    assert [entry["secret"] for entry in kept] == [second["refresh_token"]]
    assert second["refresh_token"] != first["refresh_token"]


def test_home_account_is_object_and_tenant(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """client_info makes MSAL's account id; without Entra's extras it falls back to the subject."""
    person = entra.people[0]
    app, plain = public(entra, http), public(entra, http)
    sign_in(app, browser)
    entra.extras = False

    sign_in(plain, browser)

    assert app.get_accounts()[0]["home_account_id"] == f"{person.oid}.{person.tenant}"
    assert plain.get_accounts()[0]["home_account_id"] == person.subject(THUNDERBIRD)


def test_device_flow(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """MSAL polls until the person has typed in the code and approved."""
    app = public(entra, http)
    flow = app.initiate_device_flow(SCOPES)
    arguments = (flow["verification_uri"], flow["user_code"], "alice@example.org", "sesame")
    person = threading.Timer(0.2, browser.enter_device_code, arguments)
    person.start()

    result = app.acquire_token_by_device_flow(flow)

    person.join()
    assert flow["user_code"] in flow["message"]
    assert flow["verification_uri"] in flow["message"]
    assert result["id_token_claims"]["preferred_username"] == "alice@example.org"
    assert entra.count("device_code") >= 2


def poll_once(app: Any, flow: dict[str, Any]) -> str:
    """Ask for the tokens of a device flow once; return the error's name."""
    # MSAL keeps time in the flow and warns who asks too soon: that is what is done here, so it gets a copy.
    once = flow | {"interval": 1}
    return str(app.acquire_token_by_device_flow(once, exit_condition=lambda _: True)["error"])


def test_device_flow_refused(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """Cancel on the device page is authorization_declined, RFC 8628's access_denied without extras."""
    app = public(entra, http)
    flow = app.initiate_device_flow(SCOPES)
    landing = browser.enter_device_code(
        flow["verification_uri"], flow["user_code"], "alice@example.org", "sesame", approve=False
    )

    entras = poll_once(app, flow)
    entra.extras = False
    plain = poll_once(public(entra, http), flow)

    assert "You did not sign in" in str(landing.text)
    assert (entras, plain) == ("authorization_declined", "access_denied")


def test_device_flow_waits_slows_and_expires(entra: Entra, http: requests.Session, browser: Browser) -> None:
    """Pending, then slow_down for who asks too often, then expired_token; a code made up is unknown."""
    app = public(entra, http)
    flow = app.initiate_device_flow(SCOPES)

    answers = [poll_once(app, flow), poll_once(app, flow)]
    entra.device_codes[flow["device_code"]].expires_at = 0
    answers += [poll_once(app, flow), poll_once(app, flow | {"device_code": "made up"})]
    landing = browser.enter_device_code(flow["verification_uri"], flow["user_code"], "alice@example.org", "sesame")

    assert answers == ["authorization_pending", "slow_down", "expired_token", "bad_verification_code"]
    assert "That code didn't work" in str(landing.text)


def test_client_without_device_flow(entra: Entra, http: requests.Session) -> None:
    """A registration that allows no public client flows is refused a device code."""
    entra.add_client("desktop", ["http://localhost"], device=False)
    app = msal.PublicClientApplication("desktop", authority=entra.authority, http_client=http, instance_discovery=False)

    flow = app.initiate_device_flow(SCOPES)

    assert (flow["error"], flow["error_codes"]) == ("invalid_client", [7000218])


def test_app_only(entra: Entra, http: requests.Session) -> None:
    """Client credentials get a token with roles, without a refresh token, at the tenant."""
    entra.add_client("daemon", [], public=False, secret="right")
    app = msal.ConfidentialClientApplication(
        "daemon", client_credential="right", authority=entra.authority, http_client=http, instance_discovery=False
    )

    result = app.acquire_token_for_client(["https://outlook.office365.com/.default"])

    found = claims(result["access_token"], entra, "https://outlook.office365.com")
    assert found["roles"] == ["IMAP.AccessAsApp", "SMTP.SendAsApp"]
    assert "scp" not in found
    assert "refresh_token" not in result


def test_default_authority_through_the_proxy(entra: Entra) -> None:
    """Under Microsoft's name everything carries that name, and nobody else can be reached."""
    place = ("127.0.0.1", entra.port)
    with (
        ConnectProxy({"login.microsoftonline.com:443": place}) as proxy,
        requests.Session() as http,
        Browser(entra.ca_file, proxy=proxy.url) as browser,
    ):
        http.trust_env = False
        http.verify, http.proxies = str(entra.ca_file), {"https": proxy.url}
        app = msal.PublicClientApplication(
            THUNDERBIRD,
            authority="https://login.microsoftonline.com/common",
            http_client=http,
            instance_discovery=False,
        )

        result = sign_in(app, browser)
        with pytest.raises(requests.exceptions.ProxyError):
            http.get("https://graph.microsoft.com/v1.0/me", timeout=10)

        assert result["id_token_claims"]["iss"] == f"https://login.microsoftonline.com/{entra.tenant}/v2.0"
        assert set(proxy.connected) == {"login.microsoftonline.com:443"}
        assert proxy.refused == ["graph.microsoft.com:443"]


def test_clients_trust_only_the_given_ca(entra: Entra, program: Program) -> None:
    """A client without the CA refuses Entra's certificate, and others are still served."""
    with requests.Session() as without_ca:
        without_ca.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            without_ca.get(program.address(), timeout=10)

    assert entra.requests == []
    assert program.refresh("made up").status_code == 400


def test_proxy_tells_what_is_wrong(program: Program) -> None:
    """A name without a route gets 403 and is recorded, a route that leads nowhere gets 502."""
    with ConnectProxy({"login.microsoftonline.com:443": ("127.0.0.1", 1)}) as proxy:
        program.http.proxies = {"https": proxy.url, "http": proxy.url}

        with pytest.raises(requests.exceptions.ProxyError, match="502"):
            program.http.get("https://login.microsoftonline.com/", timeout=10)
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            program.http.get("https://example.org/", timeout=10)
        plain = program.http.get("http://example.org/", timeout=10)

        assert plain.status_code == 403
        assert proxy.refused == ["example.org:443", "http://example.org/"]


def test_nothing_is_left_running(tmp_path: Path) -> None:
    """After the end no thread runs and nobody listens, even if an answer was being held back."""
    before = threading.active_count()
    with Entra(tmp_path, trustme.CA()) as entra, ConnectProxy({}) as proxy:
        ports = (entra.port, proxy.port)

    assert threading.active_count() == before
    for port in ports:
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}", timeout=2)
