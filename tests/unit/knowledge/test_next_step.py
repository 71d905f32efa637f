"""What to try next after a sign-in that was refused, and what to know after one that worked."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments
from offlineimap_m365.knowledge import explain, next_step
from offlineimap_m365.provider.provider import Provider
from tests.m365.entra import THUNDERBIRD
from tests.unit.signin.test_login import ALICE, make_plan

if TYPE_CHECKING:
    from offlineimap_m365.signin.login_request import Plan

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

PREFIX = "https://outlook.office.com/"
IMAP, SMTP = f"{PREFIX}IMAP.AccessAsUser.All", f"{PREFIX}SMTP.Send"
LOGIN = f"offlineimap-m365 login {ALICE}"
OWN = Provider("an-id", "https://login.microsoftonline.com/common", (IMAP, SMTP))


def plan_of(flow: str = "browser", **changes: Any) -> Plan:
    """Return the plan of a login by *flow* with Thunderbird's client id, for IMAP and SMTP."""
    provider = Provider(THUNDERBIRD, "https://login.microsoftonline.com/common", (IMAP, SMTP))
    uri = "http://localhost" if flow == "browser" else "https://localhost"
    fields = {"flow": flow, "provider": provider, "redirect_uri": uri}
    return make_plan(**(fields | changes))


def refusal(code: int, *named: str) -> errors.M365Error:
    """Return what Microsoft's *code* becomes, whose text names things of ours."""
    error = explain.error_for({"error": "access_denied", "error_codes": [code]}, explain.Situation(ALICE))
    error.named = frozenset(named)
    return error


def advise(code: int, made: Plan, *named: str, has_browser: bool = True) -> errors.Remedy:
    """Return the remedy after a refusal."""
    return next_step.after_refusal(refusal(code, *named), made.way, has_browser=has_browser).remedy


def by_table(code: int) -> errors.Remedy:
    """Return the remedy that the table has for *code*."""
    return refusal(code).remedy


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
    remedy = advise(code, plan_of(flow), has_browser=has_browser)

    assert remedy.command == f"{LOGIN} {options}"


@pytest.mark.parametrize("code", [53003, 530032, 530035])
@pytest.mark.parametrize("flow", ["browser", "paste", "device"])
def test_a_policy_is_a_matter_for_the_administrator_besides(code: int, flow: str) -> None:
    """Whatever else can be tried, the administrator and what to quote are named."""
    for has_browser in (True, False):
        advice = advise(code, plan_of(flow), has_browser=has_browser).advice

        assert "administrator" in advice
        assert "correlation id" in advice or "letter" in advice


@pytest.mark.parametrize(
    ("code", "flow", "options"),
    [(530036, "device", "--paste"), (53003, "device", "--paste"), (53003, "browser", None), (50173, "device", None)],
)
def test_a_refresh_of_a_sign_in_by_device_code(code: int, flow: str, options: str | None) -> None:
    """If the device code may be why, the next sign-in does without; all else is as the table says."""
    remedy = next_step.after_refresh(refusal(code), plan_of(flow).way).remedy

    assert remedy.command == (f"{LOGIN} {options}" if options else by_table(code).command)


def test_a_client_id_of_ones_own_gets_its_very_redirect_uri() -> None:
    """What must be registered is shown as it was sent; of Thunderbird's, whose own are known, another was a mistake."""
    remedy = advise(50011, plan_of(provider=OWN, redirect_uri="http://localhost/mine"))

    assert "add exactly http://localhost/mine" in remedy.advice
    assert remedy.command == f"{LOGIN} --browser"
    assert advise(50011, plan_of(chosen={"redirect_uri": "http://localhost:1"})).command == f"{LOGIN} --defaults"


@pytest.mark.parametrize(
    ("code", "named", "advised"),
    [
        (65001, ("smtp",), True),
        (650057, ("smtp",), True),
        (70011, ("smtp",), True),
        (90094, ("smtp",), True),
        (65001, ("smtp", "imap"), False),
        (65001, ("imap",), False),
        (65001, (), False),
        (50173, ("smtp",), False),
    ],
)
def test_consent_that_lacks_for_smtp_only(code: int, named: tuple[str, ...], advised: bool) -> None:
    """If only SMTP is not approved, mail can be fetched without it."""
    remedy = advise(code, plan_of(), *named)

    assert (remedy.command == f"{LOGIN} --scope imap") == advised
    assert (remedy == by_table(code)) != advised


@pytest.mark.parametrize("cloud", ["usgov", "china"])
def test_another_cloud_is_named(cloud: str) -> None:
    """The cloud that Microsoft's text names is the one to try, with a client id that is registered there."""
    assert advise(90038, plan_of(), cloud).command == f"{LOGIN} --cloud {cloud} --client-id ID"
    assert advise(90038, plan_of(chosen={"client_id": "mine"}), cloud).command == f"{LOGIN} --cloud {cloud}"
    assert advise(90038, plan_of(cloud=cloud), cloud) == by_table(90038)


def test_who_is_at_home_elsewhere_is_told_how_to_get_there() -> None:
    """If the domain's organisation is not the mailbox's, name another, or none."""
    remedy = advise(50020, plan_of())

    assert remedy.command == f"{LOGIN} --tenant TENANT"
    assert "consumers" in remedy.advice


UNCHANGED: dict[str, tuple[int, Plan, list[str]]] = {
    "a device that is not managed, by browser": (53000, plan_of("browser"), []),
    "a device that is not managed, by paste": (53000, plan_of("paste"), []),
    "a device that is not joined": (50097, plan_of("browser"), []),
    "an account that is disabled": (50057, plan_of("device"), []),
    "SMTP is all that was asked for": (
        65001,
        plan_of(provider=dataclasses.replace(OWN, client_id=THUNDERBIRD, scopes=(SMTP,))),
        ["smtp"],
    ),
    "the organisation of a personal account": (50020, plan_of(is_personal=True), []),
    "an organisation that was named": (50020, plan_of(chosen={"tenant": "t"}), []),
    "another provider": (50020, plan_of(cloud=None), []),
    "any other code": (50173, plan_of(), []),
}


@pytest.mark.parametrize(("code", "made", "named"), UNCHANGED.values(), ids=UNCHANGED)
def test_all_else_stays_as_the_table_says(code: int, made: Plan, named: list[str]) -> None:
    """Where no other way of signing in helps, none is named."""
    assert advise(code, made, *named) == by_table(code)


def test_a_refusal_stays_what_it_was() -> None:
    """Code, class and account stay whatever the remedy."""
    error = next_step.after_refusal(refusal(50011), plan_of().way, has_browser=True)

    assert (type(error), error.code, error.account) == (errors.Misconfigured, "AADSTS50011", ALICE)


def test_every_command_of_the_advice_can_be_run() -> None:
    """Whatever is suggested, the command line takes it."""
    remedies = [
        advise(code, plan_of(flow, **changes), *named, has_browser=has_browser)
        for code in (50011, 53003, 65001, 90038)
        for flow in ("browser", "paste", "device")
        for changes in ({}, {"provider": OWN})
        for named in (("smtp",), ("usgov",), ())
        for has_browser in (True, False)
    ]
    commands = {remedy.command for remedy in remedies if remedy.command}

    for command in commands:
        arguments.parser().parse_args(shlex.split(command)[1:])
    assert len(commands) > 5


def test_names_are_quoted_for_the_shell() -> None:
    """A command can be copied whatever the account is called."""
    remedy = advise(50011, plan_of(name="it's@example.org"))

    assert "'it'\"'\"'s@example.org' --paste" in (remedy.command or "")
