"""What to try next after a sign-in that was refused, and what to know after one that worked."""

from __future__ import annotations

import itertools
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.knowledge import explain, next_step
from tests.m365.entra import THUNDERBIRD
from tests.named_commands import parse
from tests.signed_in_accounts import ALICE, SCOPES

if TYPE_CHECKING:
    from offlineimap_m365.base import errors

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


BROWSER, PASTE, DEVICE, HAS, HAS_NOT = way("browser"), way("paste"), way("device"), True, False
#: A code, how somebody signed in, whether a browser is here, what of ours the text names, and the options to try next;
#: None where it is as the table of codes says.
STEPS: list[tuple[int, explain.Situation, bool, str, str | None]] = [
    # Another flow than the one that was refused, and never a device code where a policy is the reason.
    (50011, BROWSER, HAS, "", "--paste"),
    (50011, PASTE, HAS, "", "--browser"),
    (50011, PASTE, HAS_NOT, "", "--browser --port 8400"),
    (900971, BROWSER, HAS, "", "--paste"),
    (53003, DEVICE, HAS, "", "--browser"),
    (53003, DEVICE, HAS_NOT, "", "--paste"),
    (53003, BROWSER, HAS, "", "--paste"),
    (53003, PASTE, HAS, "", "--browser"),
    (530036, DEVICE, HAS_NOT, "", "--paste"),
    (53000, DEVICE, HAS, "", "--browser"),
    (53000, BROWSER, HAS, "", None),  # a device that is not managed
    (50057, DEVICE, HAS, "", None),  # an account that is disabled
    # If only SMTP is not approved, mail can be fetched without it.
    (65001, BROWSER, HAS, "smtp", "--scope imap"),
    (650057, BROWSER, HAS, "smtp", "--scope imap"),
    (65001, BROWSER, HAS, "smtp imap", None),
    (65001, BROWSER, HAS, "", None),
    (50173, BROWSER, HAS, "smtp", None),
    (65001, way(scopes=(SMTP,)), HAS, "smtp", None),
    # The cloud that Microsoft's text names, with a client id that is registered there.
    (90038, BROWSER, HAS, "usgov", "--cloud usgov --client-id ID"),
    (90038, BROWSER, HAS, "china", "--cloud china --client-id ID"),
    (90038, way(chosen={"client_id": "mine"}), HAS, "china", "--cloud china"),
    (90038, way(cloud="china"), HAS, "china", None),
    # If the domain's organisation is not the mailbox's, another one.
    (50020, BROWSER, HAS, "", "--tenant TENANT"),
    (50020, way(is_personal=True), HAS, "", None),
    (50020, way(chosen={"tenant": "t"}), HAS, "", None),
    (50020, way(cloud=None), HAS, "", None),  # another provider
]


def test_the_next_step_after_a_refusal(subtests: pytest.Subtests) -> None:
    """What may help is named with an option that exists; where no other way of signing in helps, none is named."""
    for code, situation, has_browser, named, options in STEPS:
        with subtests.test(code=code, situation=situation, named=named):
            remedy = advise(code, situation, *named.split(), has_browser=has_browser)

            if options is None:
                assert remedy == refusal(code).remedy
            else:
                assert remedy.command == f"{LOGIN} {options}"
                assert parse(shlex.split(remedy.command)[1:]).account == ALICE


def test_a_policy_is_a_matter_for_the_administrator_besides() -> None:
    """Whatever else can be tried, the administrator and what to quote are named."""
    codes, flows = (53003, 530032, 530035), ("browser", "paste", "device")
    for code, flow, has_browser in itertools.product(codes, flows, (True, False)):
        advice = advise(code, way(flow), has_browser=has_browser).advice

        assert "administrator" in advice, (code, flow)
        assert "correlation id" in advice or "letter" in advice, (code, flow)


def test_a_refresh_of_a_sign_in_by_device_code() -> None:
    """If the device code may be why, the next sign-in does without; all else is as the table says."""
    for code in (530036, 53003):
        assert next_step.after_refresh(refusal(code), DEVICE).remedy.command == f"{LOGIN} --paste"
    for code, situation in ((53003, BROWSER), (50173, DEVICE)):
        assert next_step.after_refresh(refusal(code), situation).remedy == refusal(code).remedy


def test_a_client_id_of_ones_own_gets_its_very_redirect_uri() -> None:
    """What must be registered is shown as it was sent; of Thunderbird's, whose own are known, another was a mistake."""
    remedy = advise(50011, way(client_id="an-id", redirect_uri="http://localhost/mine"))

    assert "add exactly http://localhost/mine" in remedy.advice
    assert remedy.command == f"{LOGIN} --browser"
    assert advise(50011, way(chosen={"redirect_uri": "http://localhost:1"})).command == f"{LOGIN} --defaults"
