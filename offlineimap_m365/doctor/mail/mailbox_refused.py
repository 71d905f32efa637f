"""
Why a mailbox does not open for whoever has signed in, and the one command that opens it.

Exchange has one answer for all of that, "User is authenticated but not connected": what opens with the same token, and
over which addresses, tells the causes apart as far as they can be told.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.account import token_claims
from offlineimap_m365.doctor.mail import mailbox_attempt
from offlineimap_m365.doctor.mail.reachability import Trouble
from offlineimap_m365.knowledge import powershell, tables

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.mail.mailbox_attempt import Attempt

#: What stands in a command for an id that only the administrator can look up.
_OBJECT_ID = "OBJECT_ID"


def find_cause(account: Account, token: str, refused: Attempt, again: str) -> Trouble:
    """Return why *refused* was; *again* is the command that looks again."""
    if refused.family == socket.AF_INET6 and _is_open(account, refused.mailbox, token, socket.AF_INET):
        return _over_ipv6(refused, again)
    if account.is_app_only:
        return of_application(account, token, refused.mailbox)
    other, cause = _beside(account, refused.mailbox)
    if other:
        found = mailbox_attempt.attempt(account, other, token)
        if not found.stage:
            return cause
        if not found.is_refused:
            return _untold(refused, found, again)
    return _where_nothing_opens(account, refused, again)


def _beside(account: Account, mailbox: str) -> tuple[str | None, Trouble]:
    """Return which other mailbox should open with the same token, if any; and what it means if it does."""
    if mailbox.lower() != account.name.lower():
        return account.name, _without_permission(account, mailbox)
    who = account.identity or account.name
    return None if who.lower() == account.name.lower() else who, _of_somebody_else(account, mailbox)


def _where_nothing_opens(account: Account, refused: Attempt, again: str) -> Trouble:
    if account.home_tenant is not None:
        return _of_guest(account)
    if refused.stage == mailbox_attempt.SIGN_IN:
        return _of_token(account, refused)
    return _switched_off(account, again)


def _is_open(account: Account, mailbox: str, token: str, family: int) -> bool:
    return not mailbox_attempt.attempt(account, mailbox, token, family).stage


def _untold(refused: Attempt, other: Attempt, again: str) -> Trouble:
    """Return that a server that is busy now keeps back why a mailbox does not open."""
    fact = other.error.fact if other.error else "the server changed its mind"
    return Trouble(
        f"The mailbox {refused.mailbox} does not open, and why cannot be told now: {fact}",
        f"Wait a little. Run: {again}",
    )


def _over_ipv6(refused: Attempt, again: str) -> Trouble:
    """Return that IPv6 is the cause (thunderbird/thunderbird-android#9635), and what does without (gai.conf(5))."""
    return Trouble(
        f"The mailbox {refused.mailbox} opens over IPv4, but not over IPv6, which is a fault of the server's",
        "Let programs use IPv4: OfflineIMAP by the line ipv6 = no in the section of the remote repository, all others"
        f" by the line precedence ::ffff:0:0/96 100 in /etc/gai.conf (Linux). Run: {again}",
    )


def of_application(account: Account, token: str, mailbox: str) -> Trouble:
    """Return that an application may not open *mailbox*, and the commands that let it, filled in."""
    object_id = token_claims.text(token_claims.read(token) or {}, "oid") or _OBJECT_ID
    return Trouble(
        f"The application may not open the mailbox {mailbox}: Exchange does not know it, it lacks the permission on the"
        " mailbox, or there is no such mailbox",
        f"An administrator lets Exchange know the application, by the object id of the enterprise application,"
        f" then grants it the mailbox. In PowerShell: {powershell.introduce(account.client_id, object_id)};"
        f" {powershell.permit(mailbox, object_id)}",
    )


def _without_permission(account: Account, mailbox: str) -> Trouble:
    who = account.identity or account.name
    meaning = f"{account.name} opens with this token, and {mailbox} does not: {who} may not open it, there is no such"
    if account.is_personal:
        return Trouble(
            f"{meaning} mailbox, or it is another person's; personal accounts have no shared mailboxes",
            f"Sign in to the other address by itself. Run: {errors.login_command(mailbox)}",
        )
    return Trouble(
        f"{meaning} mailbox, or IMAP is switched off for it",
        "Compare the address; if it is right, an administrator grants the permission (or, if it has that, switches"
        f" IMAP on: {powershell.switch_imap_on(mailbox)}). In PowerShell: {powershell.permit(mailbox, who)}",
    )


def _of_somebody_else(account: Account, mailbox: str) -> Trouble:
    who = account.identity or account.name
    shared = f"If it is a shared mailbox, an administrator grants it by {powershell.permit(mailbox, who)}; else s"
    return Trouble(
        f"{who} has signed in, whose own mailbox opens, but not {mailbox}",
        f"{'S' if account.is_personal else shared}ign in as its owner. Run: {errors.login_command(account.name)}"
        f" --identity {errors.quoted(mailbox)}",
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
    ask = "ask whether IMAP is switched on for the mailbox"
    if account.is_personal:
        ask = f"switch IMAP on in the settings, under Mail, Forwarding and IMAP: {_imap_switch()} "
    return Trouble(
        f"Exchange does not take the token of {account.name}{f' ({said})' if said else ''}: it was withdrawn, or is for"
        " somebody else, or IMAP is switched off",
        f"If a new sign-in does not help, {ask}. Run: {errors.login_command(account.name)}",
    )


def _switched_off(account: Account, again: str) -> Trouble:
    if account.is_personal:
        return Trouble(
            f"IMAP is switched off for {account.name}, as it is for every new mailbox of Outlook.com",
            f"Switch it on in the settings, under Mail, Forwarding and IMAP: {_imap_switch()} . Run: {again}",
        )
    return Trouble(
        f"{account.name} has signed in, but no mailbox opens: IMAP is switched off for it, or, less often, it has no"
        " mailbox or no licence for one",
        "An administrator switches IMAP on, or sees that there is no mailbox of that name. In PowerShell:"
        f" {powershell.switch_imap_on(account.name)}",
    )


def _imap_switch() -> str:
    """Return the page of Outlook.com where IMAP is switched on."""
    found: str = tables.load("clouds")["consumers"]["imap_switch"]
    return found


def in_words(refusal: dict[str, str]) -> str:
    """Return what the JSON of a refused XOAUTH2 says, in words."""
    if not refusal:
        return ""
    status = refusal.get("status", "")
    reply = tables.load("aadsts")["replies"].get(f"XOAUTH2 status {status}")
    parts = [f"status {status}" if status else "", f"wanted for {refusal['scope']}" if refusal.get("scope") else ""]
    return "; ".join(part for part in [*parts, reply["meaning"] if reply else ""] if part)
