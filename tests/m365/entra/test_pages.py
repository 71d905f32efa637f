"""The pages: who gets a code, who gets an error page, and what a redirect tells the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.m365.entra.program import parameters

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.entra.program import Program
    from tests.m365.person import Browser

ALICE = "alice@example.org"


def test_sign_in_ends_at_the_redirect(program: Program, browser: Browser) -> None:
    """Address and password lead to the redirect with a long code, the state and a session state."""
    landing = browser.sign_in(program.address(), ALICE, "sesame")

    answer = parameters(landing.address)
    assert landing.address is not None
    assert landing.address.startswith("https://localhost?code=")
    assert answer["state"] == program.state
    assert 1400 < len(answer["code"]) < 1600
    assert "session_state" in answer


@pytest.mark.parametrize("port", ["", ":1", ":49152"])
def test_localhost_stands_for_every_port(program: Program, browser: Browser, port: str) -> None:
    """The redirect http://localhost is registered for any port."""
    landing = browser.sign_in(program.address(redirect_uri=f"http://localhost{port}"), ALICE, "sesame")

    assert landing.address is not None
    assert landing.address.startswith(f"http://localhost{port}?code=")


#: A redirect that is not registered.
REDIRECTS = (
    "https://localhost/", "https://localhost:7598", "http://localhost:80/path", "http://127.0.0.1:80", "http://evil",
)  # fmt: skip
#: Who signs in how: changes of the address, tenant, name, password, and the text of the page where it ends.
ERROR_PAGES: dict[str, tuple[dict[str, str], str, str, str, str]] = {
    **{
        redirect: ({"redirect_uri": redirect}, "common", ALICE, "sesame", f"AADSTS50011: The redirect URI '{redirect}'")
        for redirect in REDIRECTS
    },
    "unknown name": ({}, "common", "bob@example.org", "sesame", "AADSTS50034"),
    "wrong password": ({}, "common", ALICE, "wrong", "AADSTS50126"),
    "admin consent": ({}, "common", "eve@example.org", "sesame", "Need admin approval\nMozilla Thunderbird"),
    "its number": ({}, "common", "eve@example.org", "sesame", "AADSTS90094"),
    "blocked": ({}, "common", "frank@example.org", "sesame", "AADSTS53003"),
    "consumers": ({}, "consumers", ALICE, "sesame", "AADSTS50020"),
    "no tenant": ({}, "nowhere.example", ALICE, "sesame", "AADSTS90002"),
    "another tenant": ({}, "elsewhere.example", ALICE, "sesame", "AADSTS50020"),
}


@pytest.mark.parametrize("case", ERROR_PAGES)
def test_error_pages_go_nowhere(entra: Entra, program: Program, browser: Browser, case: str) -> None:
    """Who may not sign in sees a page with the number, and the program gets no answer."""
    changes, tenant, name, password, text = ERROR_PAGES[case]
    entra.add_person("eve@example.org", "sesame", consent="admin")
    entra.add_person("frank@example.org", "sesame", blocked=53003)
    entra.domains["elsewhere.example"] = entra.other_tenant
    program.tenant = tenant

    landing = browser.sign_in(program.address(**changes), name, password)

    assert landing.address is None
    assert text in str(landing.text)


def test_error_page_reads_like_entras(program: Program, browser: Browser) -> None:
    """An error page carries code, request id, correlation id and time."""
    landing = browser.sign_in(program.address(client_id="nobody"), ALICE, "sesame")

    assert landing.text is not None
    for piece in (
        "Sorry, but we're having trouble signing you in.",
        "AADSTS700016: Application with identifier 'nobody' was not found",
        "Request Id: ",
        "Correlation Id: ",
        "Timestamp: ",
    ):
        assert piece in landing.text


def test_person_signs_in_with_the_upn(entra: Entra, program: Program, browser: Browser) -> None:
    """Whose UPN is not the mail address signs in with the UPN alone."""
    entra.add_person("carol@example.org", "sesame", upn="c123@uni.example")

    by_address = browser.sign_in(program.address(), "carol@example.org", "sesame")
    by_upn = browser.sign_in(program.address(), "c123@uni.example", "sesame")

    assert "AADSTS50034" in str(by_address.text)
    assert "code" in parameters(by_upn.address)


def test_consent_is_asked_once(entra: Entra, program: Program, browser: Browser) -> None:
    """Who must be asked is asked once; Cancel sends access_denied with AADSTS65004."""
    entra.add_person("dan@example.org", "sesame", consent="ask")

    refused = browser.sign_in(program.address(), "dan@example.org", "sesame", consent=False)
    accepted = browser.sign_in(program.address(), "dan@example.org", "sesame", consent=True)
    again = browser.sign_in(program.address(), "dan@example.org", "sesame", consent=False)

    assert parameters(refused.address)["error"] == "access_denied"
    assert parameters(refused.address)["error_description"].startswith("AADSTS65004")
    assert parameters(refused.address)["state"] == program.state
    assert "code" in parameters(accepted.address)
    assert "code" in parameters(again.address)


def test_login_hint_fills_in_the_name(program: Program) -> None:
    """The address page comes with the hint filled in."""
    response = program.http.get(program.address(login_hint="alice@example.org"), timeout=10)

    assert 'name="loginfmt" value="alice@example.org"' in response.text


def test_signed_in_browser_is_asked_no_more(entra: Entra, program: Program, browser: Browser) -> None:
    """A browser with a session goes straight to the redirect, and chooses where prompt=select_account."""
    entra.add_person("bob@example.org", "sesame")
    browser.sign_in(program.address(), ALICE, "sesame")
    before = entra.count("login")

    silent = browser.sign_in(program.address(), "nobody", "nothing")
    picked = browser.sign_in(program.address(prompt="select_account"), ALICE, "nothing")
    asked = entra.count("login") - before
    other = browser.sign_in(program.address(prompt="select_account"), "bob@example.org", "sesame")

    assert asked == 0
    assert all("code" in parameters(landing.address) for landing in (silent, picked, other))


@pytest.mark.parametrize("tenant", ["common", "organizations", "example.org"])
def test_every_name_of_the_tenant_leads_in(program: Program, browser: Browser, tenant: str) -> None:
    """The aliases, the tenant's id and its domain are all good for a person of it."""
    program.tenant = tenant

    landing = browser.sign_in(program.address(), ALICE, "sesame")

    assert program.redeem(landing.address).status_code == 200


def test_personal_account_has_its_own_tenant(entra: Entra, program: Program, browser: Browser) -> None:
    """A personal account belongs to the consumers and gets tokens that nobody can read."""
    entra.add_person("gina@outlook.com", "sesame", opaque=True)
    program.tenant = "consumers"

    landing = browser.sign_in(program.address(), "gina@outlook.com", "sesame")
    token = program.redeem(landing.address).json()["access_token"]

    assert token.startswith("EwB")
    assert "." not in token
