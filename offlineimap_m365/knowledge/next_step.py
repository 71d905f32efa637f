"""
What to try after a refused sign-in: another flow, redirect URI, permission or cloud.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import mail_scopes, tables

if TYPE_CHECKING:
    from collections.abc import Collection

    from offlineimap_m365.knowledge.explain import Situation

#: A port to which a browser on another machine can be tunnelled; any free one will do.
_PORT = 8400

#: Topics of refusals because of a permission: nobody approved it, or the client id does not have it.
_PERMISSION = frozenset({"consent", "permission"})
#: What to do if the other flow is refused, too.
_ADMINISTRATOR = "If that is refused too, ask the administrator; quote the code, the correlation id and the time"


def after_refusal(error: errors.M365Error, situation: Situation, *, has_browser: bool) -> errors.M365Error:
    """Return *error* with what to try next as its remedy, where next_step() knows it."""
    remedy = next_step(error.topic, error.named, situation, has_browser=has_browser)
    return error.replaced(remedy=remedy) if remedy else error


def after_refresh(error: errors.M365Error, situation: Situation) -> errors.M365Error:
    """Return *error* of a refresh, with another remedy if SMTP lacks consent or a device code may be the reason."""
    is_about_smtp = error.topic in _PERMISSION and _is_only_smtp(error.named, situation)
    is_about_device_code = situation.flow == "device" and error.topic in ("policy", "device")
    return after_refusal(error, situation, has_browser=False) if is_about_smtp or is_about_device_code else error


def next_step(topic: str, named: Collection[str], situation: Situation, *, has_browser: bool) -> Remedy | None:
    """
    Return what to try after a refusal about *topic* (a column of the table), None where the table's remedy is right.

    *named* are our words for what Microsoft's text names (``error_text.find_named``). *has_browser*: one can be opened
    here.
    """
    if topic in _PERMISSION and _is_only_smtp(named, situation):
        advice = "The letter of the command consent asks the administrator for both. To fetch mail only, sign in"
        return Remedy(advice, f"{_again(situation)} --scope imap")
    if topic == "elsewhere" and situation.cloud and not situation.is_personal and "tenant" not in situation.chosen:
        advice = "If the mailbox is in another organisation, name it; if the account is a personal one, name consumers"
        return Remedy(advice, f"{_again(situation)} --tenant TENANT")
    if topic == "cloud":
        return _other_cloud(named, situation)
    if topic == "redirect":
        return _other_redirect(situation, has_browser=has_browser)
    if situation.flow == "device" and topic in ("policy", "device"):
        flow = "browser" if has_browser else "paste"
        return Remedy(f"Sign in without a device code. {_ADMINISTRATOR}", f"{_again(situation)} --{flow}")
    return _other_flow(situation, has_browser=has_browser) if topic == "policy" else None


def permissions(scopes: Collection[str]) -> set[str]:
    """Return our names of the mail permissions among *scopes*."""
    return set(filter(None, map(mail_scopes.protocol, scopes)))


def _is_only_smtp(named: Collection[str], situation: Situation) -> bool:
    """Does Microsoft's text name SMTP, and not IMAP, though both were requested?"""
    return "smtp" in named and "imap" not in named and permissions(situation.scopes) >= {"smtp", "imap"}


def _other_cloud(named: Collection[str], situation: Situation) -> Remedy | None:
    """Return the advice to use the cloud that Microsoft's text names, None if the sign-in went there."""
    cloud = next((cloud for cloud in ("china", "usgov") if cloud in named), situation.cloud)
    if cloud == situation.cloud:
        return None
    client = "" if "client_id" in situation.chosen else " --client-id ID"
    return Remedy("Use a client id that is registered in that cloud", f"{_again(situation)} --cloud {cloud}{client}")


def _other_redirect(situation: Situation, *, has_browser: bool) -> Remedy:
    """Return what to try if the redirect URI is not registered."""
    if situation.client_id not in tables.load("clients")["clients"]:
        where = f"In the registration of the client id {situation.client_id}, under “Mobile and desktop applications”"
        return Remedy(f"{where}, add exactly {situation.redirect_uri}", f"{_again(situation)} --{situation.flow}")
    if "redirect_uri" in situation.chosen:
        return Remedy("Leave out the redirect URI that was chosen", f"{_again(situation)} --defaults")
    # A browser on another machine needs a port that leads back here.
    browser = "browser" if has_browser else f"browser --port {_PORT}"
    flow = "paste" if situation.flow == "browser" else browser
    return Remedy("Try the other way. If that is refused too, try --device", f"{_again(situation)} --{flow}")


def _other_flow(situation: Situation, *, has_browser: bool) -> Remedy | None:
    """Return the flow that a policy may allow; never a device code, which policies forbid first."""
    if situation.flow == "browser":
        where = "Open the address in a browser on a device that the organisation manages"
        return Remedy(f"{where}. {_ADMINISTRATOR}", f"{_again(situation)} --paste")
    if has_browser:
        return Remedy(f"Sign in in a browser here. {_ADMINISTRATOR}", f"{_again(situation)} --browser")
    return None


def _again(situation: Situation) -> str:
    """Return the command that tries again."""
    return errors.login_command(situation.account or "ACCOUNT")
