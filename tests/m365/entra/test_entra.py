"""What no test of the product would notice: an Entra that grants more than Microsoft's, or in another shape."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from tests.m365.entra import THUNDERBIRD, Entra
from tests.m365.entra.tokens import base64url
from tests.m365.person import Browser
from tests.sign_in import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

ALICE = "alice@example.org"
OUTLOOK = "https://outlook.office.com"
IMAP = f"{OUTLOOK}/IMAP.AccessAsUser.All"
VERIFIER = "v" * 43


class Program(requests.Session):
    """A program with Thunderbird's client id that sends OAuth requests by hand, also those that MSAL never sends."""

    def __init__(self, entra: Entra) -> None:
        """Trust Entra's certificate, and ask at any tenant."""
        super().__init__()
        self.trust_env = False  # REQUESTS_CA_BUNDLE would replace what is set here
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
            "code_challenge": base64url(hashlib.sha256(VERIFIER.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{self.entra.authority_for(self.tenant)}/oauth2/v2.0/authorize?{urlencode(query | changes)}"

    def ask(self, **form: str) -> tuple[int, dict[str, Any]]:
        """Post *form* to the token endpoint; return status and body."""
        address = f"{self.entra.authority_for(self.tenant)}/oauth2/v2.0/token"
        answer = self.post(address, data={"client_id": THUNDERBIRD} | form, timeout=10)
        return answer.status_code, answer.json()

    def code(self) -> str:
        """Return a code for alice."""
        return dict(parse_qsl(urlsplit(self.entra.approve(self.address(), ALICE)).query))["code"]

    def redeem(self, code: str, **changes: str) -> dict[str, Any]:
        """Redeem a code."""
        form = {"code": code, "redirect_uri": "https://localhost", "code_verifier": VERIFIER} | changes
        return self.ask(grant_type="authorization_code", **form)[1]

    def refresh(self, token: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """Use a refresh token."""
        return self.ask(grant_type="refresh_token", refresh_token=token, **changes)


@pytest.fixture
def program(entra: Entra) -> Iterator[Program]:
    """Return a program."""
    with Program(entra) as made:
        yield made


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

            body = program.redeem(**({"code": code} | changes))

            assert body["error_codes"] == [number]


@pytest.mark.parametrize("strict", [True, False])
def test_strict_provider_serves_one_of_many(entra: Entra, program: Program, *, strict: bool) -> None:
    """Of eight that use a refresh token at once a strict provider serves one and ends the grant; Entra serves all."""
    entra.strict = strict
    token = program.redeem(program.code())["refresh_token"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: program.refresh(token), range(8)))
    newest = {body["refresh_token"] for status, body in answers if status == 200}
    after = program.refresh(next(iter(newest)))

    assert len(newest) == (1 if strict else 8)
    assert after[0] == (400 if strict else 200)


def test_refresh_is_bound_to_its_grant(program: Program) -> None:
    """Unknown scopes, scopes of two resources, scopes never consented to and other tenants have their own numbers."""
    token = program.redeem(program.code())["refresh_token"]
    cases = {f"{OUTLOOK}/Calendar.Nothing": 70011, f"{IMAP} https://outlook.office365.com/SMTP.Send": 700022}
    cases[f"{OUTLOOK}/POP.AccessAsUser.All"] = 65001

    found = {scope: program.refresh(token, scope=scope)[1]["error_codes"] for scope in cases}
    program.tenant = "consumers"
    elsewhere = program.refresh(token, scope=IMAP)[1]

    assert found == {scope: [number] for scope, number in cases.items()}
    assert elsewhere["error_codes"] == [7000012]


def test_provider_that_keeps_to_the_rfcs(entra: Entra, program: Program) -> None:
    """Without extras there is no client_info, no scope, no description and no error code."""
    entra.extras = False

    answer = program.redeem(program.code(), client_info="1")
    _, refusal = program.refresh("made up")

    assert set(answer) == {"token_type", "expires_in", "access_token", "refresh_token", "id_token"}
    assert refusal == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "redirect", ["https://localhost/", "https://localhost:75", "http://localhost:80/path", "http://127.0.0.1:80"]
)
def test_redirect_that_is_not_registered(entra: Entra, program: Program, redirect: str) -> None:
    """Nobody is sent there: an error page is shown."""
    with Browser(entra.ca_file) as browser:
        landing = browser.sign_in(program.address(redirect_uri=redirect), ALICE, PASSWORD)

    assert "AADSTS50011" in str(landing.text)
