"""
What to try after a refused sign-in: another flow, redirect URI, permission or cloud.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import mail_scopes, tables

#: A port for a browser that is on another machine; any that is free will do.
_PORT = 8400

#: Topics of refusals for want of a permission: nobody approved it, or the client id lacks it.
_PERMISSION = frozenset({"consent", "permission"})
#: What remains if the other flow is refused as well.
_ADMINISTRATOR = "If that is refused too, ask the administrator; quote the code, the correlation id and the time"


@dataclasses.dataclass(frozen=True)
class Way:
    """
    How somebody signs in to the account *name*, or did: *flow* is ``browser``, ``paste`` or ``device``.

    *cloud* is None for a provider of one's own. *chosen* is what the person chose (``login_request.CHOICES``).
    """

    name: str
    flow: str
    client_id: str
    redirect_uri: str
    scopes: Collection[str] = ()
    cloud: str | None = "global"
    chosen: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_personal: bool = False

    @property
    def again(self) -> str:
        """The command that tries again."""
        return errors.login_command(self.name)


def after_refusal(error: errors.M365Error, way: Way, *, has_browser: bool) -> errors.M365Error:
    """Return *error* with what to try next as its remedy, where next_step() knows it."""
    remedy = next_step(error.topic, error.named, way, has_browser=has_browser)
    return error.replaced(remedy=remedy) if remedy else error


def after_refresh(error: errors.M365Error, way: Way) -> errors.M365Error:
    """Return *error*, met at a refresh, with what is next if SMTP lacks consent or a device code may be the reason."""
    is_about_smtp = error.topic in _PERMISSION and _is_only_smtp(error.named, way)
    is_about_device_code = way.flow == "device" and error.topic in ("policy", "device")
    return after_refusal(error, way, has_browser=False) if is_about_smtp or is_about_device_code else error


def next_step(topic: str, named: Collection[str], way: Way, *, has_browser: bool) -> Remedy | None:
    """
    Return what to try after a refusal about *topic* (a column of the table), None where the table says it best.

    *named* are our words for what Microsoft's text names (``error_text.find_named``). *has_browser*: one can be opened
    here.
    """
    if topic in _PERMISSION and _is_only_smtp(named, way):
        advice = "The letter of the command consent asks the administrator for both. To fetch mail only, sign in"
        return Remedy(advice, f"{way.again} --scope imap")
    if topic == "elsewhere" and way.cloud and not way.is_personal and "tenant" not in way.chosen:
        advice = "If the mailbox is in another organisation, name it; if the account is a personal one, name consumers"
        return Remedy(advice, f"{way.again} --tenant TENANT")
    if topic == "cloud":
        return _other_cloud(named, way)
    if topic == "redirect":
        return _other_redirect(way, has_browser=has_browser)
    if way.flow == "device" and topic in ("policy", "device"):
        flow = "browser" if has_browser else "paste"
        return Remedy(f"Sign in without a device code. {_ADMINISTRATOR}", f"{way.again} --{flow}")
    return _other_flow(way, has_browser=has_browser) if topic == "policy" else None


def permissions(scopes: Collection[str]) -> set[str]:
    """Return our names of the mail permissions among *scopes*."""
    return set(filter(None, map(mail_scopes.protocol, scopes)))


def _is_only_smtp(named: Collection[str], way: Way) -> bool:
    """Does Microsoft's text name SMTP alone, of more that was asked for?"""
    return "smtp" in named and "imap" not in named and permissions(way.scopes) >= {"smtp", "imap"}


def _other_cloud(named: Collection[str], way: Way) -> Remedy | None:
    """Return the cloud to try that Microsoft's text names, if it is another than was asked."""
    cloud = next((cloud for cloud in ("china", "usgov") if cloud in named), way.cloud)
    if cloud == way.cloud:
        return None
    client = "" if "client_id" in way.chosen else " --client-id ID"
    return Remedy("Use a client id that is registered in that cloud", f"{way.again} --cloud {cloud}{client}")


def _other_redirect(way: Way, *, has_browser: bool) -> Remedy:
    """Return how to get round a redirect URI that is not registered."""
    if way.client_id not in tables.load("clients")["clients"]:
        where = f"In the registration of the client id {way.client_id}, under “Mobile and desktop applications”"
        return Remedy(f"{where}, add exactly {way.redirect_uri}", f"{way.again} --{way.flow}")
    if "redirect_uri" in way.chosen:
        return Remedy("Leave out the redirect URI that was chosen", f"{way.again} --defaults")
    flow = "paste" if way.flow == "browser" else _browser(has_browser=has_browser)
    return Remedy("Try the other way. If that is refused too, try --device", f"{way.again} --{flow}")


def _other_flow(way: Way, *, has_browser: bool) -> Remedy | None:
    """Return the flow that a policy may let through: never a device code, which policies forbid first."""
    if way.flow == "browser":
        where = "Open the address in a browser on a device that the organisation manages"
        return Remedy(f"{where}. {_ADMINISTRATOR}", f"{way.again} --paste")
    if has_browser:
        return Remedy(f"Sign in in a browser here. {_ADMINISTRATOR}", f"{way.again} --browser")
    return None


def _browser(*, has_browser: bool) -> str:
    """Return the option for a browser; one on another machine needs a port that leads back here."""
    return "browser" if has_browser else f"browser --port {_PORT}"
