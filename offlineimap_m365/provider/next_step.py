"""
What to try next: after a refused sign-in another way, redirect, permission or cloud; and what is next after a good one.

A way that failed is never suggested again: not the one of this sign-in, and none that the account's history knows.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from offlineimap_m365.accounts.profiles import Account

#: The redirect URI is not registered (entra-docs, reference-error-codes; 500113 seen in public repositories only).
_REDIRECT = frozenset({"50011", "500113", "900971"})
#: A policy refused, for which another way, or another device's browser, can make a difference (the same page, and
#: Conditional Access: authentication flows).
_POLICY = frozenset(
    {"50097", "50127", "50129", "50155", "50187", "50199", "53000", "53001", "53003", "530032", "530035", "530036"}
)
#: Those of them that a device code may be the reason of; once it is not, all that is left is to ask.
_DEVICE_CODE = frozenset({"53003", "530032", "530035", "530036"})
#: Nobody approved a permission, or the client id lacks it; where only SMTP's is meant, IMAP can be had without it.
_PERMISSION = frozenset({"65001", "65005", "70011", "90008", "90094", "90095", "650056", "650057"})
#: The organisation lives in another cloud (the same page; 900382 and 900383 seen in public repositories only).
_CLOUD = frozenset({"90038", "900382", "900383"})
#: Who signed in belongs elsewhere than the mail domain (the same page).
_ELSEWHERE = frozenset({"50020", "90072"})
#: A port for a browser that is on another machine; any that is free will do.
_PORT = 8400

#: Which programs do without a permission, by our name of it.
_WITHOUT = {
    "imap": "Reading mail (IMAP) was not granted: OfflineIMAP and others that fetch will not work",
    "smtp": "Sending mail (SMTP) was not granted: msmtp and others that send will not work",
    "pop": "Fetching mail by POP was not granted: programs that do will not work",
}
#: The permissions by the end of their names.
_PERMISSIONS = {"imap.accessasuser.all": "imap", "smtp.send": "smtp", "pop.accessasuser.all": "pop"}


@dataclasses.dataclass(frozen=True)
class Way:
    """
    How somebody signs in to the account *name*, or did: *flow* is ``browser``, ``paste`` or ``device``.

    *client_name* is None for a client id of one's own; *cloud* for a provider of one's own; *chosen* is what the
    person chose (``plan.CHOICES``); *is_personal*: nobody's organisation is concerned.
    """

    name: str
    flow: str
    client_id: str
    client_name: str | None
    redirect_uri: str
    scopes: Collection[str] = ()
    cloud: str | None = "global"
    chosen: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_personal: bool = False

    @classmethod
    def of_account(cls, account: Account) -> Way:
        """Return the way that the last login went."""
        known = tables.load("clients")["clients"].get(account.client_id)
        return cls(
            account.name,
            account.flow or "paste",
            account.client_id,
            known["name"] if known else None,
            account.redirect_uri,
            account.scopes,
            account.cloud,
            account.chosen,
            account.is_personal,
        )

    @classmethod
    def usual(cls, name: str, flow: str, scopes: Collection[str]) -> Way:
        """Return the way of a login by *flow* without options."""
        clients = tables.load("clients")
        client = clients["clients"][clients["default"]]
        page = "browser" if flow == "browser" else "paste"
        return cls(
            name, flow, clients["default"], client["name"], client[page], scopes, is_personal=profiles.is_consumer(name)
        )

    @property
    def again(self) -> str:
        """The command that tries again."""
        return errors.login_command(self.name)


def after_refusal(error: errors.M365Error, way: Way, tried: Collection[str], *, has_browser: bool) -> errors.M365Error:
    """Return *error* with what to try next as its remedy, where next_step() knows it."""
    remedy = next_step(_number(error), error.named, way, tried, has_browser=has_browser)
    return error.replaced(remedy=remedy) if remedy else error


def after_refresh(error: errors.M365Error, account: Account) -> errors.M365Error:
    """Return *error*, met without a person, with what is next if SMTP lacks consent or a device code may be why."""
    way, number = Way.of_account(account), _number(error)
    is_about_smtp = number in _PERMISSION and _is_only_smtp(error.named, way)
    is_about_device_code = number in _DEVICE_CODE and way.flow == "device"
    return after_refusal(error, way, (), has_browser=False) if is_about_smtp or is_about_device_code else error


def next_step(
    number: str, named: Collection[str], way: Way, tried: Collection[str], *, has_browser: bool
) -> str | None:
    """
    Return what to try after Microsoft's code *number*, None where the code alone says it best.

    *named* is what of ours its text names (``reference.find_named``), *tried* are the flows that were refused
    earlier; *has_browser*: one can be opened here.
    """
    if number in _PERMISSION and _is_only_smtp(named, way):
        consent = f"{errors.COMMAND} consent {errors.quoted(way.name)}"
        return f"To ask the administrator for both: {consent}; to fetch mail without sending: {way.again} --scope imap"
    if number in _ELSEWHERE and way.cloud and not way.is_personal and "tenant" not in way.chosen:
        personal = f"for a personal account: {way.again} --tenant consumers"
        return f"If the mailbox is in another organisation: {way.again} --tenant TENANT; {personal}"
    if number in _CLOUD:
        return _other_cloud(named, way)
    if number in _REDIRECT:
        return _other_redirect(way, {way.flow, *tried}, has_browser=has_browser)
    if number in _POLICY:
        return _other_way(number, way, {way.flow, *tried}, has_browser=has_browser)
    return None


def is_about_the_way(error: errors.M365Error) -> bool:
    """Might another way of signing in, or another redirect, have made a difference?"""
    return _number(error) in _REDIRECT | _POLICY


def after_sign_in(account: Account, asked: Collection[str]) -> list[str]:
    """Return what somebody who just signed in and *asked* for these scopes must know: a line each."""
    if account.is_app_only:
        return _for_administrators(account)
    found: list[str] = []
    again = errors.login_command(account.name)
    missing = _permissions(asked) - _permissions(account.scopes)
    found += [f"{_WITHOUT[name]} with this sign-in." for name in _WITHOUT if name in missing]
    if missing and account.is_personal:
        found.append(f"To ask for it again: {again}")
    elif missing:
        consent = f"{errors.COMMAND} consent {errors.quoted(account.name)}"
        found.append(f"To have it approved: {consent}; then run: {again}")
    if account.home_tenant is not None:
        who = account.identity or account.name
        found.append(f"{who} is a guest here, and guests have no mailbox in the organisation that invited them.")
        found.append(f"For the mailbox at home: {again} --tenant {errors.quoted(account.home_tenant or 'TENANT')}")
    if account.is_personal and "imap" not in missing:
        switch = tables.load("clouds")["consumers"]["imap_switch"]
        found.append("Outlook.com lets no program read mail until you switch IMAP on, in its Settings, under Mail,")
        found.append(f"Forwarding and IMAP: {switch}")
    return found


def _for_administrators(account: Account) -> list[str]:
    """
    Return what an application still lacks before it opens a mailbox.

    Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth", "Register service principals in Exchange".
    """
    return [
        "No person signed in. The token opens no mailbox by itself: in Exchange Online PowerShell an administrator",
        "runs once, with the object id of the enterprise application (not the one of the app registration):",
        f"  New-ServicePrincipal -AppId {account.client_id} -ObjectId OBJECT_ID",
        "and for each mailbox:",
        "  Add-MailboxPermission -Identity MAILBOX -User OBJECT_ID -AccessRights FullAccess",
        f"Then: {errors.COMMAND} config {errors.quoted(account.name)} --mailbox @FILE, with one address on each line",
    ]


def _number(error: errors.M365Error) -> str:
    return (error.code or "").removeprefix("AADSTS")


def _permissions(scopes: Collection[str]) -> set[str]:
    """Return our names of the mail permissions among *scopes*."""
    ends = (scope.rpartition("/")[2].lower() for scope in scopes)
    return {_PERMISSIONS[end] for end in ends if end in _PERMISSIONS}


def _is_only_smtp(named: Collection[str], way: Way) -> bool:
    """Does Microsoft's text name SMTP alone, of more that was asked for?"""
    return "smtp" in named and "imap" not in named and _permissions(way.scopes) >= {"smtp", "imap"}


def _other_cloud(named: Collection[str], way: Way) -> str | None:
    """Return the cloud to try that Microsoft's text names, if it is another than was asked."""
    found = sorted(set(named) & {"usgov", "china"})
    if not found or way.cloud == found[0]:
        return None
    client = "" if "client_id" in way.chosen else " --client-id ID"
    return f"With a client id that is registered in that cloud, run: {way.again} --cloud {found[0]}{client}"


def _other_redirect(way: Way, tried: set[str], *, has_browser: bool) -> str:
    """Return how to get round a redirect URI that is not registered."""
    if way.client_name is None:
        where = f"In the registration of the client id {way.client_id}, under “Mobile and desktop applications”"
        return f"{where}, add exactly {way.redirect_uri}, then run: {way.again} --{way.flow}"
    if "redirect_uri" in way.chosen:
        return f"Leave out the redirect URI that was chosen: {way.again} --defaults"
    for flow in ("browser", "paste", "device"):  # a device code has no redirect at all
        if flow not in tried:
            return f"Try the other way: {way.again} {_options(flow, has_browser=has_browser)}"
    return f"Use a client id of your own, in whose registration you add {way.redirect_uri}: {way.again} --client-id ID"


def _other_way(number: str, way: Way, tried: set[str], *, has_browser: bool) -> str | None:
    """Return the way that a policy may let through: never a device code, which policies forbid first."""
    if way.flow == "device" and number in _DEVICE_CODE and not {"browser", "paste"} <= tried:
        flow = "browser" if "browser" not in tried and (has_browser or "paste" in tried) else "paste"
        return f"Sign in without a device code: {way.again} {_options(flow, has_browser=has_browser)}"
    help_desk = "or give the code, the correlation id and the time to the help desk"
    if "browser" not in tried and (has_browser or (way.flow == "device" and "paste" in tried)):
        options = _options("browser", has_browser=has_browser)
        return f"Sign in in a browser here, {help_desk}. Run: {way.again} {options}"
    if "paste" not in tried:
        where = "Open the address on a device that the organisation manages"
        return f"{where}, {help_desk}. Run: {way.again} --paste"
    if number in _DEVICE_CODE:
        return "Try from another network, or give the code, the correlation id and the time to the help desk"
    return None


def _options(flow: str, *, has_browser: bool) -> str:
    """Return the options that choose *flow* here; a browser on another machine needs a port to come back to."""
    return f"--browser --port {_PORT}" if flow == "browser" and not has_browser else f"--{flow}"
