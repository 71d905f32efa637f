"""What to try next after a sign-in that was refused, and what to know after one that worked."""

from __future__ import annotations

import itertools
import shlex
from typing import Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import explain, next_step
from tests.m365.entra import THUNDERBIRD
from tests.named_commands import parse
from tests.signed_in_accounts import ALICE, SCOPES

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

IMAP, SMTP = SCOPES
LOGIN = f"offlineimap-m365 login {ALICE}"


def way(flow: str = "browser", **changes: Any) -> explain.Situation:
    """Return a sign-in by *flow* with Thunderbird's client id, for IMAP and SMTP, changed."""
    uri = "http://localhost" if flow == "browser" else "https://localhost"
    fields = {"account": ALICE, "client_id": THUNDERBIRD, "redirect_uri": uri, "flow": flow, "scopes": (IMAP, SMTP)}
    return explain.Situation(**(fields | changes))


def refusal(code: int, *named: str) -> errors.M365Error:
    """Return what Microsoft's *code* becomes, whose text names things of ours."""
    error = explain.error_for({"error": "access_denied", "error_codes": [code]}, explain.Situation(ALICE))
    error.named = frozenset(named)
    return error


def advise(code: int, situation: explain.Situation, *named: str, has_browser: bool = True) -> errors.Remedy:
    """Return the remedy after a refusal."""
    return next_step.after_refusal(refusal(code, *named), situation, has_browser=has_browser).remedy


@pytest.mark.parametrize(
    ("code", "flow", "has_browser", "options"),
    [
        (50011, "browser", True, "--paste"),
        (50011, "paste", True, "--browser"),
        (50011, "paste", False, "--browser --port 8400"),
        (900971, "browser", True, "--paste"),
        (53003, "device", True, "--browser"),
        (53003, "device", False, "--paste"),
        (53003, "browser", True, "--paste"),
        (53003, "paste", True, "--browser"),
        (530035, "device", True, "--browser"),
        (530036, "device", False, "--paste"),
        (53000, "device", True, "--browser"),
        (530033, "device", False, "--paste"),
    ],
)
def test_the_next_way_is_named(code: int, flow: str, *, has_browser: bool, options: str) -> None:
    """Another flow than the one that was refused, and never a device code where a policy is the reason."""
    assert advise(code, way(flow), has_browser=has_browser).command == f"{LOGIN} {options}"


def test_a_policy_is_a_matter_for_the_administrator_besides() -> None:
    """Whatever else can be tried, the administrator and what to quote are named."""
    codes, flows = (53003, 530032, 530035), ("browser", "paste", "device")
    for code, flow, has_browser in itertools.product(codes, flows, (True, False)):
        advice = advise(code, way(flow), has_browser=has_browser).advice

        assert "administrator" in advice, (code, flow)
        assert "correlation id" in advice or "letter" in advice, (code, flow)


@pytest.mark.parametrize(
    ("code", "flow", "options"),
    [(530036, "device", "--paste"), (53003, "device", "--paste"), (53003, "browser", None), (50173, "device", None)],
)
def test_a_refresh_of_a_sign_in_by_device_code(code: int, flow: str, options: str | None) -> None:
    """If the device code may be why, the next sign-in does without; all else is as the table says."""
    remedy = next_step.after_refresh(refusal(code), way(flow)).remedy

    assert remedy.command == (f"{LOGIN} {options}" if options else refusal(code).remedy.command)


def test_a_client_id_of_ones_own_gets_its_very_redirect_uri() -> None:
    """What must be registered is shown as it was sent; of Thunderbird's, whose own are known, another was a mistake."""
    remedy = advise(50011, way(client_id="an-id", redirect_uri="http://localhost/mine"))

    assert "add exactly http://localhost/mine" in remedy.advice
    assert remedy.command == f"{LOGIN} --browser"
    assert advise(50011, way(chosen={"redirect_uri": "http://localhost:1"})).command == f"{LOGIN} --defaults"


@pytest.mark.parametrize(
    ("code", "named", "advised"),
    [
        *((code, ("smtp",), True) for code in (65001, 650057, 70011, 90094)),
        *((65001, named, False) for named in (("smtp", "imap"), ("imap",), ())),
        (50173, ("smtp",), False),
    ],
)
def test_consent_that_lacks_for_smtp_only(code: int, named: tuple[str, ...], advised: bool) -> None:
    """If only SMTP is not approved, mail can be fetched without it."""
    remedy = advise(code, way(), *named)

    assert (remedy.command == f"{LOGIN} --scope imap") == advised
    assert (remedy == refusal(code).remedy) != advised


@pytest.mark.parametrize("cloud", ["usgov", "china"])
def test_another_cloud_is_named(cloud: str) -> None:
    """The cloud that Microsoft's text names is the one to try, with a client id that is registered there."""
    assert advise(90038, way(), cloud).command == f"{LOGIN} --cloud {cloud} --client-id ID"
    assert advise(90038, way(chosen={"client_id": "mine"}), cloud).command == f"{LOGIN} --cloud {cloud}"
    assert advise(90038, way(cloud=cloud), cloud) == refusal(90038).remedy


def test_who_is_at_home_elsewhere_is_told_how_to_get_there() -> None:
    """If the domain's organisation is not the mailbox's, name another, or none."""
    remedy = advise(50020, way())

    assert remedy.command == f"{LOGIN} --tenant TENANT"
    assert "consumers" in remedy.advice


@pytest.mark.parametrize(
    ("code", "situation", "named"),
    [
        (53000, way("browser"), []),  # a device that is not managed
        (53000, way("paste"), []),
        (50097, way("browser"), []),  # a device that is not joined
        (50057, way("device"), []),  # an account that is disabled
        (65001, way(scopes=(SMTP,)), ["smtp"]),  # SMTP is all that was asked for
        (50020, way(is_personal=True), []),  # the organisation of a personal account
        (50020, way(chosen={"tenant": "t"}), []),
        (50020, way(cloud=None), []),  # another provider
        (50173, way(), []),
    ],
)
def test_all_else_stays_as_the_table_says(code: int, situation: explain.Situation, named: list[str]) -> None:
    """Where no other way of signing in helps, none is named."""
    assert advise(code, situation, *named) == refusal(code).remedy


def test_a_refusal_stays_what_it_was() -> None:
    """Code, class and account stay whatever the remedy."""
    error = next_step.after_refusal(refusal(50011), way(), has_browser=True)

    assert (type(error), error.code, error.account) == (errors.Misconfigured, "AADSTS50011", ALICE)


def test_every_command_of_the_advice_can_be_run() -> None:
    """Whatever is suggested, the command line takes it, and it can be copied whatever the account is called."""
    name = "it's@example.org"
    remedies = [
        advise(code, way(flow, client_id=client_id, account=name), named, has_browser=has_browser)
        for code in (50011, 53003, 65001, 90038)
        for flow in ("browser", "paste", "device")
        for client_id in (THUNDERBIRD, "an-id")
        for named in ("smtp", "usgov", "")
        for has_browser in (True, False)
    ]
    commands = {remedy.command for remedy in remedies if remedy.command and ALICE not in remedy.command}

    assert len(commands) > 5
    for command in commands:
        assert parse(shlex.split(command)[1:]).account == name
