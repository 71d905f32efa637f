"""What no test of the product would notice: an Entra that grants more than Microsoft's, or in another shape."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
import requests
import trustme

from tests.m365.entra import THUNDERBIRD, Entra
from tests.m365.entra.clients import DEVICE_CODE
from tests.m365.entra.keys import base64url
from tests.m365.person import Browser
from tests.m365.wire import ConnectProxy
from tests.sign_in import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ALICE = "alice@example.org"
OUTLOOK = "https://outlook.office.com"
IMAP = f"{OUTLOOK}/IMAP.AccessAsUser.All"
VERIFIER = "v" * 43


class Program(requests.Session):
    """A program that sends OAuth requests by hand, also those that MSAL never sends."""

    def __init__(self, entra: Entra) -> None:
        """Use Thunderbird's client id at any tenant, and trust Entra's certificate."""
        super().__init__()
        self.trust_env = False
        self.verify = str(entra.ca_file)
        self.entra = entra
        self.tenant = "common"

    def address(self, **changes: str) -> str:
        """Return the address that a person opens; *changes* add parameters or replace them."""
        query = {
            "client_id": THUNDERBIRD,
            "response_type": "code",
            "redirect_uri": "https://localhost",
            "scope": f"{IMAP} {OUTLOOK}/SMTP.Send openid profile offline_access",
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": base64url(hashlib.sha256(VERIFIER.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{self.entra.authority_for(self.tenant)}/oauth2/v2.0/authorize?{urlencode(query | changes)}"

    def ask(self, endpoint: str = "token", **form: str) -> tuple[int, dict[str, Any]]:
        """Post *form* with the client id; return status and body."""
        address = f"{self.entra.authority_for(self.tenant)}/oauth2/v2.0/{endpoint}"
        answer = self.post(address, data={"client_id": THUNDERBIRD} | form, timeout=10)
        return answer.status_code, answer.json()

    def code(self) -> str:
        """Return a code for alice."""
        return dict(parse_qsl(urlsplit(self.entra.approve(self.address(), ALICE)).query))["code"]

    def redeem(self, code: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """Redeem a code."""
        form = {"code": code, "redirect_uri": "https://localhost", "code_verifier": VERIFIER} | changes
        return self.ask(grant_type="authorization_code", **form)

    def refresh(self, token: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """Use a refresh token."""
        return self.ask(grant_type="refresh_token", refresh_token=token, **changes)


@pytest.fixture
def program(entra: Entra) -> Iterator[Program]:
    """Return a program."""
    with Program(entra) as made:
        yield made


@pytest.fixture
def tokens(program: Program) -> dict[str, Any]:
    """Return the tokens that alice's program got."""
    return program.redeem(program.code())[1]


def test_tokens_are_signed_and_of_real_length(entra: Entra, program: Program, tokens: dict[str, str]) -> None:
    """Both JWTs verify with the tenant's key; an access token has Exchange's claims and 1.4 kB."""
    document = program.get(f"{entra.authority}/v2.0/.well-known/openid-configuration", timeout=10).json()
    audiences = {"access_token": OUTLOOK, "id_token": THUNDERBIRD}

    access, identity = (
        jwt.decode(tokens[kind], entra.key.public_pem, algorithms=["RS256"], audience=audience)
        for kind, audience in audiences.items()
    )

    assert (access["upn"], access["tid"], identity["iss"]) == (ALICE, entra.tenant, document["issuer"])
    assert access["scp"] == "IMAP.AccessAsUser.All SMTP.Send"
    assert access["iss"] in entra.issuers()
    assert (identity["tid"], identity["ver"], identity["nonce"]) == (entra.tenant, "2.0", "a nonce")
    assert jwt.get_unverified_header(tokens["access_token"])["kid"] == entra.key.kid
    assert [len(tokens[kind]) // 100 for kind in ("access_token", "refresh_token")] == [14, 12]


def test_refusal_has_entras_members(program: Program) -> None:
    """A refusal carries the members that Entra's has, and repeats the client's request id."""
    program.headers["client-request-id"] = "11111111-2222-3333-4444-555555555555"

    status, body = program.refresh("made up")

    assert (status, body["error"], body["error_codes"]) == (400, "invalid_grant", [70000])
    assert body["error_description"].startswith("AADSTS70000: ")
    assert f"Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']}" in body["error_description"]
    assert body["correlation_id"] == program.headers["client-request-id"]
    assert body["timestamp"] in body["error_description"]


#: How a code is redeemed, and the number of the refusal.
BAD_CODES: dict[str, tuple[dict[str, str], int]] = {
    "another verifier": ({"code_verifier": "x" * 43}, 501481),
    "made up": ({"code": "made up"}, 70000),
    "another redirect": ({"redirect_uri": "http://localhost"}, 500112),
    "a public client's secret": ({"client_secret": "none of it"}, 700025),
    "used": ({}, 54005),
    "ten minutes old": ({}, 70008),
    "another tenant": ({}, 700005),
}


def test_code_is_bound_to_its_request(subtests: pytest.Subtests, entra: Entra, program: Program) -> None:
    """A code is good once, for ten minutes, with verifier, redirect, client and tenant of its request."""
    for case, (changes, number) in BAD_CODES.items():
        with subtests.test(case):
            program.tenant, entra.code_seconds = "common", -1 if case == "ten minutes old" else 600
            code = program.code()
            if case == "used":
                program.redeem(code)
            program.tenant = entra.tenant if case == "another tenant" else "common"

            _, body = program.redeem(**({"code": code} | changes))

            assert body["error_codes"] == [number]


@pytest.mark.parametrize("strict", [True, False])
def test_strict_provider_serves_one_of_many(
    entra: Entra, program: Program, tokens: dict[str, str], *, strict: bool
) -> None:
    """Of eight that use a refresh token at once a strict provider serves one and ends the grant; Entra serves all."""
    entra.strict = strict

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: program.refresh(tokens["refresh_token"]), range(8)))
    newest = {body["refresh_token"] for status, body in answers if status == 200}
    after = program.refresh(next(iter(newest)))

    assert sorted(status for status, _ in answers) == ([200] + [400] * 7 if strict else [200] * 8)
    assert len(newest) == (1 if strict else 8)
    assert after[0] == (400 if strict else 200)


def test_refresh_is_bound_to_its_grant(program: Program, tokens: dict[str, str]) -> None:
    """Unknown scopes, scopes of two resources, scopes never consented to and other tenants have their own numbers."""
    cases = {
        f"{OUTLOOK}/Calendar.Nothing": 70011,
        f"{IMAP} https://graph.microsoft.com/User.Read": 700022,
        f"{OUTLOOK}/POP.AccessAsUser.All": 65001,
    }

    narrow = program.refresh(tokens["refresh_token"], scope=IMAP)[1]
    found = {scope: program.refresh(tokens["refresh_token"], scope=scope)[1]["error_codes"] for scope in cases}
    program.tenant = "consumers"
    elsewhere = program.refresh(tokens["refresh_token"], scope=IMAP)[1]

    assert narrow["scope"] == IMAP
    assert found == {scope: [number] for scope, number in cases.items()}
    assert elsewhere["error_codes"] == [7000012]


def test_provider_that_keeps_to_the_rfcs(entra: Entra, program: Program) -> None:
    """Without extras there is no client_info, no scope, no description and no error code."""
    entra.extras = False

    _, answer = program.redeem(program.code(), client_info="1")
    _, refusal = program.refresh("made up")
    _, device = program.ask("devicecode", scope=IMAP)

    assert set(answer) == {"token_type", "expires_in", "access_token", "refresh_token", "id_token"}
    assert refusal == {"error": "invalid_grant"}
    assert set(device) == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}


def test_device_code_waits_slows_and_expires(entra: Entra, program: Program) -> None:
    """Pending, then slow_down for who asks too often, declined for a no, then expired; a code made up is unknown."""
    codes = [program.ask("devicecode", scope=IMAP)[1] for _ in range(3)]
    waiting, refused, old = (code["device_code"] for code in codes)
    entra.device_codes[old].expires_at = 0

    with Browser(entra.ca_file) as browser:
        browser.enter_device_code(codes[1]["verification_uri"], codes[1]["user_code"], ALICE, PASSWORD, approve=False)
    asked = (waiting, waiting, refused, old, "made up")
    answers = [program.ask(grant_type=DEVICE_CODE, device_code=code)[1]["error"] for code in asked]

    assert answers[:2] == ["authorization_pending", "slow_down"]
    assert answers[2:] == ["authorization_declined", "expired_token", "bad_verification_code"]


#: A redirect that is not registered.
REDIRECTS = (
    "https://localhost/", "https://localhost:7598", "http://localhost:80/path", "http://127.0.0.1:80", "http://evil",
)  # fmt: skip
#: Who signs in how: changes of the address, tenant, name, password, and the text of the page where it ends.
ERROR_PAGES: dict[str, tuple[dict[str, str], str, str, str, str]] = {
    **{uri: ({"redirect_uri": uri}, "common", ALICE, PASSWORD, f"The redirect URI '{uri}'") for uri in REDIRECTS},
    "unknown name": ({}, "common", "nobody@example.org", PASSWORD, "AADSTS50034"),
    "address that is no UPN": ({}, "common", "carol@example.org", PASSWORD, "AADSTS50034"),
    "wrong password": ({}, "common", ALICE, "wrong", "AADSTS50126"),
    "consumers": ({}, "consumers", ALICE, PASSWORD, "AADSTS50020"),
    "no tenant": ({}, "nowhere.example", ALICE, PASSWORD, "AADSTS90002"),
    "another tenant": ({}, "elsewhere.example", ALICE, PASSWORD, "AADSTS50020"),
    "unknown client": ({"client_id": "nobody"}, "common", ALICE, PASSWORD, "AADSTS700016"),
}


def test_error_pages_go_nowhere(subtests: pytest.Subtests, entra: Entra, program: Program) -> None:
    """Who may not sign in sees a page with the number, and the program gets no answer."""
    entra.add_person("carol@example.org", PASSWORD, upn="c123@uni.example")
    entra.domains["elsewhere.example"] = entra.other_tenant
    for case, (changes, tenant, name, password, text) in ERROR_PAGES.items():
        with subtests.test(case), Browser(entra.ca_file) as browser:
            program.tenant = tenant

            landing = browser.sign_in(program.address(**changes), name, password)

            assert landing.address is None
            assert text in str(landing.text)


def test_signed_in_browser_is_asked_no_more(entra: Entra, program: Program) -> None:
    """A browser with a session goes straight to the redirect, and chooses where prompt=select_account."""
    with Browser(entra.ca_file) as browser:
        browser.sign_in(program.address(), ALICE, PASSWORD)
        before = entra.count("login")
        silent = browser.sign_in(program.address(), "nobody", "nothing")
        picked = browser.sign_in(program.address(prompt="select_account"), ALICE, "nothing")
        asked = entra.count("login") - before
        other = browser.sign_in(program.address(prompt="select_account"), "bob@example.org", PASSWORD)

    assert asked == 0
    assert all("?code=" in str(landing.address) for landing in (silent, picked, other))


def test_proxy_leads_nowhere_else(program: Program) -> None:
    """A name without a route gets 403 and is recorded, https or not; a route that leads nowhere gets 502."""
    with ConnectProxy({"login.microsoftonline.com:443": ("127.0.0.1", 1)}) as proxy:
        program.proxies = {"https": proxy.url, "http": proxy.url}

        with pytest.raises(requests.exceptions.ProxyError, match="502"):
            program.get("https://login.microsoftonline.com/", timeout=10)
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            program.get("https://example.org/", timeout=10)
        plain = program.get("http://example.org/", timeout=10)

    assert plain.status_code == 403
    assert proxy.refused == ["example.org:443", "http://example.org/"]


def test_nothing_is_left_running(tmp_path: Path) -> None:
    """After the end no thread runs and nobody listens."""
    before = threading.active_count()
    with Entra(tmp_path, trustme.CA()) as entra, ConnectProxy({}) as proxy:
        ports = (entra.port, proxy.port)

    assert threading.active_count() == before
    for port in ports:
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}", timeout=2)
