"""Where the look-alike signs whom in: national clouds, kinds of accounts, and what it demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.m365.entra import CHINA, DOD, USGOV
from tests.m365.entra.program import IMAP, parameters

if TYPE_CHECKING:
    import requests

    from tests.m365.entra import Entra, Person
    from tests.m365.entra.program import Program
    from tests.m365.entra.regions import Region
    from tests.m365.person import Browser

ALICE = "alice@example.org"
CLAIMS = '{"access_token": {}}'


@pytest.fixture
def alice(entra: Entra) -> Person:
    """Return Alice."""
    return entra.people[0]


@pytest.mark.parametrize(("region", "part"), [(USGOV, "DODCON"), (DOD, "DOD"), (CHINA, None), (None, None)])
def test_discovery_tells_the_cloud(
    entra: Entra, http: requests.Session, region: Region | None, part: str | None
) -> None:
    """A tenant's configuration names its cloud and leads to that cloud's host, wherever it was asked for."""
    if region:
        entra.regions[entra.tenant] = region

    found = http.get(f"{entra.authority}/v2.0/.well-known/openid-configuration", timeout=10).json()

    host = region.host if region else f"localhost:{entra.port}"
    assert found.get("tenant_region_sub_scope") == part
    assert found["cloud_instance_name"] == (region.instance if region else "microsoftonline.com")
    assert found["token_endpoint"].startswith(f"https://{host}/{entra.tenant}/")
    assert found["issuer"] == f"https://{host}/{entra.tenant}/v2.0"


@pytest.mark.parametrize(
    ("audience", "tenant", "code"),
    [
        ("organizations", "consumers", "AADSTS9002332"),
        ("personal", "common", "AADSTS9002331"),
        ("organizations", "common", "AADSTS500208"),
        ("personal", "consumers", None),
        ("all", "common", None),
    ],
)
def test_a_client_id_has_its_audience(
    program: Program, browser: Browser, audience: str, tenant: str, code: str | None
) -> None:
    """Whom a registration does not take ends on a page."""
    program.entra.add_person("eve@outlook.com", "sesame", opaque=True)
    program.entra.clients[program.client_id].audience = audience
    program.tenant = tenant

    landing = browser.sign_in(program.address(), "eve@outlook.com", "sesame")

    assert (landing.address is not None) == (code is None)
    assert code is None or code in str(landing.text)


def test_demands_are_met_by_claims(program: Program, browser: Browser, alice: Person) -> None:
    """A refresh is refused with the claims in the answer until somebody signed in with them."""
    alice.demands = CLAIMS
    tokens = [
        program.redeem(browser.sign_in(program.address(**asked), ALICE, "sesame").address).json()["refresh_token"]
        for asked in ({}, {"claims": CLAIMS})
    ]

    without, with_them = (program.refresh(token).json() for token in tokens)

    assert (without["error_codes"], without["claims"]) == ([50076], CLAIMS)
    assert "access_token" in with_them


def test_a_stale_session_needs_prompt_login(program: Program, browser: Browser, alice: Person) -> None:
    """A browser that is signed in brings tokens that end at once, unless the password was asked for."""
    browser.sign_in(program.address(), ALICE, "sesame")
    alice.is_stale = True
    tokens = [
        program.redeem(browser.sign_in(program.address(**asked), ALICE, "sesame").address).json()["refresh_token"]
        for asked in ({}, {"prompt": "login"})
    ]

    stale, anew = (program.refresh(token).json() for token in tokens)

    assert stale["error_codes"] == [70043]
    assert "access_token" in anew


def test_a_withheld_permission_is_not_granted(program: Program, browser: Browser, alice: Person) -> None:
    """The answer names what was granted; asking for more later is refused."""
    alice.withheld = frozenset({"SMTP.Send"})
    landing = browser.sign_in(program.address(), ALICE, "sesame").address

    answer = program.redeem(landing).json()
    more = program.refresh(answer["refresh_token"]).json()
    less = program.refresh(answer["refresh_token"], scope=f"{IMAP} offline_access").json()

    assert parameters(landing)["code"]
    assert answer["scope"] == IMAP
    assert more["error_codes"] == [65001]
    assert less["scope"] == IMAP
