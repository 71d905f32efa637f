"""The pages: who gets a code, who gets an error page, and what a redirect says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.m365.entra import CONSUMERS
from tests.m365.entra.program import parameters

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.entra.program import Program
    from tests.m365.person import Browser


def test_sign_in_ends_at_the_redirect(program: Program, browser: Browser) -> None:
    """Address and password lead to the redirect with a long code, the state and a session state."""
    landing = browser.sign_in(program.address(), "alice@example.org", "sesame")

    answer = parameters(landing.address)
    assert landing.address is not None
    assert landing.address.startswith("https://localhost?code=")
    assert answer["state"] == program.state
    assert 1400 < len(answer["code"]) < 1600
    assert "session_state" in answer


@pytest.mark.parametrize("port", ["", ":1", ":49152"])
def test_localhost_stands_for_every_port(program: Program, browser: Browser, port: str) -> None:
    """The redirect http://localhost is registered for any port."""
    landing = browser.sign_in(program.address(redirect_uri=f"http://localhost{port}"), "alice@example.org", "sesame")

    assert landing.address is not None
    assert landing.address.startswith(f"http://localhost{port}?code=")


@pytest.mark.parametrize(
    "redirect",
    ["https://localhost/", "https://localhost:7598", "http://localhost:80/path", "http://127.0.0.1:80", "http://evil"],
)
def test_other_redirects_are_exact(program: Program, browser: Browser, redirect: str) -> None:
    """A redirect that is not registered ends at an error page that goes nowhere."""
    landing = browser.sign_in(program.address(redirect_uri=redirect), "alice@example.org", "sesame")

    assert landing.address is None
    assert landing.text is not None
    assert f"AADSTS50011: The redirect URI '{redirect}'" in landing.text


def test_error_page_reads_like_entras(program: Program, browser: Browser) -> None:
    """An error page carries code, request id, correlation id and time."""
    landing = browser.sign_in(program.address(client_id="nobody"), "alice@example.org", "sesame")

    assert landing.text is not None
    for piece in (
        "Sorry, but we're having trouble signing you in.",
        "AADSTS700016: Application with identifier 'nobody' was not found",
        "Request Id: ",
        "Correlation Id: ",
        "Timestamp: ",
    ):
        assert piece in landing.text


@pytest.mark.parametrize(
    ("address", "password", "number"),
    [("bob@example.org", "sesame", "50034"), ("alice@example.org", "wrong", "50126")],
)
def test_wrong_name_or_password_stays_on_the_page(
    program: Program, browser: Browser, address: str, password: str, number: str
) -> None:
    """An unknown name or a wrong password is told inline, and nothing is sent to the program."""
    landing = browser.sign_in(program.address(), address, password)

    assert landing.address is None
    assert f"AADSTS{number}" in str(landing.text)


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


def test_admin_consent_ends_at_a_page(entra: Entra, program: Program, browser: Browser) -> None:
    """The page "Need admin approval" names the application and goes nowhere."""
    entra.add_person("eve@example.org", "sesame", consent="admin")

    landing = browser.sign_in(program.address(), "eve@example.org", "sesame")

    assert landing.address is None
    assert "Need admin approval\nMozilla Thunderbird" in str(landing.text)
    assert "AADSTS90094" in str(landing.text)


def test_conditional_access_ends_at_a_page(entra: Entra, program: Program, browser: Browser) -> None:
    """A policy that blocks somebody shows after the password and goes nowhere."""
    entra.add_person("frank@example.org", "sesame", blocked=53003)

    landing = browser.sign_in(program.address(), "frank@example.org", "sesame")

    assert landing.address is None
    assert "AADSTS53003" in str(landing.text)


def test_login_hint_fills_in_the_name(program: Program) -> None:
    """The address page comes with the hint filled in."""
    response = program.http.get(program.address(login_hint="alice@example.org"), timeout=10)

    assert 'name="loginfmt" value="alice@example.org"' in response.text


def test_signed_in_browser_is_asked_no_more(entra: Entra, program: Program, browser: Browser) -> None:
    """A browser with a session goes straight to the redirect, and chooses where prompt=select_account."""
    entra.add_person("bob@example.org", "sesame")
    browser.sign_in(program.address(), "alice@example.org", "sesame")
    before = entra.count("login")

    silent = browser.sign_in(program.address(), "nobody", "nothing")
    picked = browser.sign_in(program.address(prompt="select_account"), "alice@example.org", "nothing")
    asked = entra.count("login") - before
    other = browser.sign_in(program.address(prompt="select_account"), "bob@example.org", "sesame")

    assert asked == 0
    assert all("code" in parameters(landing.address) for landing in (silent, picked, other))


def test_prompt_none_needs_a_session(program: Program, browser: Browser) -> None:
    """prompt=none without a session is sent back as login_required."""
    landing = browser.sign_in(program.address(prompt="none"), "alice@example.org", "sesame")

    assert parameters(landing.address)["error"] == "login_required"


def test_fragment_and_form_post(program: Program, browser: Browser) -> None:
    """The answer comes in the manner asked for: in the fragment, or as a form."""
    fragment = browser.sign_in(program.address(response_mode="fragment"), "alice@example.org", "sesame")
    form = browser.sign_in(program.address(response_mode="form_post"), "alice@example.org", "sesame")

    assert str(fragment.address).startswith("https://localhost#code=")
    assert form.address == "https://localhost"
    assert form.form is not None
    assert form.form["state"] == program.state


def test_form_of_another_browser_is_refused(program: Program) -> None:
    """A form without the cookie and the canary of its page signs nobody in."""
    response = program.post("login", loginfmt="alice@example.org", passwd="sesame", ctx="made up", canary="too")

    assert "AADSTS50089" in response.text


@pytest.mark.parametrize(
    ("tenant", "number"), [("consumers", "50020"), ("nowhere.example", "90002"), ("other", "50020")]
)
def test_wrong_tenant_ends_at_a_page(
    entra: Entra, program: Program, browser: Browser, tenant: str, number: str
) -> None:
    """An authority that is not the person's, or nobody's, ends at an error page."""
    program.tenant = entra.other_tenant if tenant == "other" else tenant

    landing = browser.sign_in(program.address(), "alice@example.org", "sesame")

    assert f"AADSTS{number}" in str(landing.text)


@pytest.mark.parametrize("tenant", ["common", "organizations", "example.org"])
def test_every_name_of_the_tenant_leads_in(program: Program, browser: Browser, tenant: str) -> None:
    """The aliases, the tenant's id and its domain are all good for a person of it."""
    program.tenant = tenant

    landing = browser.sign_in(program.address(), "alice@example.org", "sesame")

    assert program.redeem(landing.address).status_code == 200


def test_personal_account_has_its_own_tenant(entra: Entra, program: Program, browser: Browser) -> None:
    """A personal account belongs to the consumers and gets tokens that nobody can read."""
    entra.add_person("gina@outlook.com", "sesame", opaque=True)
    program.tenant = "consumers"

    landing = browser.sign_in(program.address(), "gina@outlook.com", "sesame")
    token = program.redeem(landing.address).json()["access_token"]

    assert token.startswith("EwB")
    assert "." not in token
    assert (entra.introspect(token) or {})["tid"] == CONSUMERS
