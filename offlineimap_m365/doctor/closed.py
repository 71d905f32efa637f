"""
Why a mailbox does not open for whoever has signed in, and the one command that opens it.

Exchange has one answer for all of that, "User is authenticated but not connected": what opens with the same token, and
over which addresses, tells the causes apart as far as they can be told.
"""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365 import data, errors, home
from offlineimap_m365.doctor import opening, powershell
from offlineimap_m365.doctor.reach import Trouble

if TYPE_CHECKING:
    from offlineimap_m365.accounts import Account
    from offlineimap_m365.doctor.opening import Attempt

#: What stands in a command for an id that only the administrator can look up.
_OBJECT_ID = "OBJECT_ID"


def find_cause(account: Account, token: str, refused: Attempt, again: str) -> Trouble:
    """Return why *refused* was; *again* is the command that looks again."""
    if refused.family == socket.AF_INET6 and _opens(account, refused.mailbox, token, socket.AF_INET):
        return _over_ipv6(refused, again)
    if account.is_app_only:
        return of_application(account, token, refused.mailbox)
    return _beside_what_opens(account, token, refused.mailbox) or _where_nothing_opens(account, refused, again)


def _beside_what_opens(account: Account, token: str, mailbox: str) -> Trouble | None:
    """Return why *mailbox* does not open if another one does; None if none does."""
    if mailbox.lower() != account.name.lower():
        return _without_permission(account, mailbox) if _opens(account, account.name, token) else None
    somebody = account.identity if _is_somebody_else(account) else None
    return _of_somebody_else(account, mailbox) if somebody and _opens(account, somebody, token) else None


def _where_nothing_opens(account: Account, refused: Attempt, again: str) -> Trouble:
    if account.home_tenant is not None:
        return _of_guest(account)
    if refused.stage == opening.SIGN_IN:
        return _of_token(account, refused)
    return _switched_off(account, again)


def _opens(account: Account, mailbox: str, token: str, family: int = 0) -> bool:
    return not opening.attempt(account, mailbox, token, family).stage


def _is_somebody_else(account: Account) -> bool:
    return account.identity is not None and account.identity.lower() != account.name.lower()


def _over_ipv6(refused: Attempt, again: str) -> Trouble:
    return Trouble(
        f"The mailbox {refused.mailbox} opens over IPv4, but not over IPv6, which is a fault of the server's",
        "Let programs use IPv4: OfflineIMAP by the line ipv6 = no in the section of the remote repository, all others"
        f" by the line precedence ::ffff:0:0/96 100 in /etc/gai.conf (Linux). Run: {again}",
    )


def of_application(account: Account, token: str, mailbox: str) -> Trouble:
    """Return that an application may not open *mailbox*, and the commands that let it, filled in."""
    object_id = str(claims(token).get("oid") or _OBJECT_ID)
    return Trouble(
        f"The application may not open the mailbox {mailbox}: Exchange does not know it, it lacks the permission on the"
        " mailbox, or there is no such mailbox",
        f"An administrator lets Exchange know the application, by the object id of the enterprise application,"
        f" then grants it the mailbox. In PowerShell: {powershell.introduce(account.client_id, object_id)};"
        f" {powershell.permit(mailbox, object_id)}",
    )


def _without_permission(account: Account, mailbox: str) -> Trouble:
    who = account.identity or account.name
    meaning = f"{who} may not open the mailbox {mailbox}, or there is no such mailbox, while {account.name} opens"
    if account.is_personal:
        return Trouble(
            f"{meaning}; personal accounts have no shared mailboxes",
            f"Sign in to the other address by itself. Run: {errors.login_command(mailbox)}",
        )
    return Trouble(
        meaning,
        f"Compare the address; if it is right, an administrator grants the permission, which counts within the hour."
        f" In PowerShell: {powershell.permit(mailbox, who)}",
    )


def _of_somebody_else(account: Account, mailbox: str) -> Trouble:
    who = account.identity or account.name
    return Trouble(
        f"{who} has signed in, whose own mailbox opens, but not {mailbox}",
        f"If it is a shared mailbox, an administrator grants it by {powershell.permit(mailbox, who)}; else sign in as"
        f" its owner. Run: {errors.login_command(account.name)} --identity {errors.quoted(mailbox)}",
    )


def _of_guest(account: Account) -> Trouble:
    who = account.identity or account.name
    where = errors.quoted(account.home_tenant or "TENANT")
    return Trouble(
        f"{who} is a guest in this organisation (tenant), and guests have no mailbox there",
        f"Sign in to the organisation at home. Run: {errors.login_command(account.name)} --tenant {where}",
    )


def _of_token(account: Account, refused: Attempt) -> Trouble:
    said = in_words(refused.refusal)
    return Trouble(
        f"Exchange does not take the token of {account.name}{f' ({said})' if said else ''}: it was withdrawn, or is for"
        " somebody else, or IMAP is switched off",
        f"If a new sign-in does not help, ask whether IMAP is switched on for the mailbox. Run:"
        f" {errors.login_command(account.name)}",
    )


def _switched_off(account: Account, again: str) -> Trouble:
    if account.is_personal:
        switch = data.load("clouds", Path(home.directory()))["consumers"]["imap_switch"]
        return Trouble(
            f"IMAP is switched off for {account.name}, as it is for every new mailbox of Outlook.com",
            f"Switch it on in the settings, under Mail, Forwarding and IMAP: {switch} . Run: {again}",
        )
    return Trouble(
        f"{account.name} has signed in, but no mailbox opens: IMAP is switched off for it, or, less often, it has no"
        " mailbox or no licence for one",
        "An administrator switches IMAP on, or sees that there is no mailbox of that name. In PowerShell:"
        f" {powershell.switch_imap_on(account.name)}",
    )


def in_words(refusal: dict[str, str]) -> str:
    """Return what the JSON of a refused XOAUTH2 says, in words."""
    if not refusal:
        return ""
    status = refusal.get("status", "")
    reply = data.load("aadsts")["replies"].get(f"XOAUTH2 status {status}")
    parts = [f"status {status}" if status else "", f"wanted for {refusal['scope']}" if refusal.get("scope") else ""]
    return "; ".join(part for part in [*parts, reply["meaning"] if reply else ""] if part)


def claims(token: str) -> dict[str, Any]:
    """Return what a token says of itself (RFC 7519 §3), unchecked; nothing for an opaque one."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
