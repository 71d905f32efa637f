"""
Why a mailbox does not open with a token that the server took, and the command that helps.

Exchange has one answer for all causes, "User is authenticated but not connected". What opens with the same token, and
over which addresses, distinguishes them as far as that is possible.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.account import token_claims
from offlineimap_m365.doctor.check import Trouble
from offlineimap_m365.doctor.mail import server_attempt
from offlineimap_m365.knowledge import powershell, tables

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

#: What stands in a command for an id that only the administrator can look up.
_OBJECT_ID = "OBJECT_ID"


def find_cause(account: Account, token: str, refused: Attempt, again: str) -> Trouble:
    """Return why *refused* was; *again* is the command that checks again."""
    mailbox = refused.user
    if refused.family == socket.AF_INET6 and not server_attempt.imap(account, mailbox, token, socket.AF_INET).stage:
        return _over_ipv6(refused, again)
    if account.is_app_only:
        return of_application(account, token, mailbox)
    is_own = mailbox.lower() == account.name.lower()
    own = (account.identity or account.name) if is_own else account.name
    if own.lower() != mailbox.lower():
        other = server_attempt.imap(account, own, token)
        if not other.stage:
            return _of_somebody_else(account, mailbox) if is_own else _without_permission(account, mailbox)
        if not other.is_refused:
            fact = other.error.fact if other.error else "the server changed its mind"
            meaning = f"The mailbox {mailbox} does not open, and why cannot be known now: {fact}"
            return Trouble(meaning, Remedy("Wait a little", again))
    if account.home_tenant is not None:
        return _of_guest(account)
    return _of_token(account, refused) if refused.refusal else _switched_off(account, refused, again)


def _over_ipv6(refused: Attempt, again: str) -> Trouble:
    """Return that IPv6 is the cause (thunderbird/thunderbird-android#9635), and what does without (gai.conf(5))."""
    advice = (
        "Let programs use IPv4: OfflineIMAP by the line ipv6 = no in the section of the remote repository, all others"
        " by the line precedence ::ffff:0:0/96 100 in /etc/gai.conf (Linux)"
    )
    meaning = f"The mailbox {refused.user} opens over IPv4, but not over IPv6, which is a fault of the server"
    return Trouble(meaning, Remedy(advice, again))


def of_application(account: Account, token: str, mailbox: str) -> Trouble:
    """Return that an application may not open *mailbox*, and the commands that let it, filled in."""
    object_id = token_claims.text(token_claims.read(token) or {}, "oid") or _OBJECT_ID
    commands = f"{powershell.introduce(account.client_id, object_id)}; {powershell.permit(mailbox, object_id)}"
    return Trouble(
        f"The application may not open the mailbox {mailbox}: Exchange does not know it, it lacks the permission on the"
        " mailbox, or there is no such mailbox",
        Remedy(
            "An administrator adds the application to Exchange, by the object id of the enterprise application, then"
            " grants it the mailbox",
            commands,
            "powershell",
        ),
    )


def _without_permission(account: Account, mailbox: str) -> Trouble:
    """Return why *mailbox* does not open to the person whose own mailbox does."""
    who = account.identity or account.name
    signed_in = {name.lower(): name for name in profiles.names_if_readable()}.get(mailbox.lower())
    if signed_in is not None:
        meaning = f"{mailbox} does not open with the token of {account.name}, and is signed in itself"
        advice = f'In the section of {mailbox}, use get_access_token("{signed_in}")'
        return Trouble(meaning, Remedy(advice, f"{errors.COMMAND} doctor {errors.quoted(signed_in)}"))
    if account.is_personal:
        meaning = f"{account.name} opens, and {mailbox} does not: personal accounts have no shared mailboxes"
        advice = (
            f"If it is another address (alias) of your mailbox, set remoteuser = {account.name}; else sign in to it"
        )
        return Trouble(meaning, Remedy(advice, errors.login_command(mailbox)))
    return Trouble(
        f"{account.name} opens with this token, and {mailbox} does not: {who} lacks the permission, there is no such"
        f" mailbox, it is only another address (alias) of {account.name}, or IMAP is switched off for it",
        Remedy(
            f"Compare the address; for an alias set remoteuser = {account.name}; for a shared mailbox an administrator"
            f" grants the permission or, if it has that, switches IMAP on: {powershell.switch_imap_on(mailbox)}",
            powershell.permit(mailbox, who),
            "powershell",
        ),
    )


def _of_somebody_else(account: Account, mailbox: str) -> Trouble:
    """Return that the person who signed in has another mailbox than *mailbox*, the account's address."""
    who = account.identity or account.name
    shared = f"; for a shared mailbox an administrator runs {powershell.permit(mailbox, who)}"
    advice = (
        f"If {mailbox} is another address (alias) of {who}, set remoteuser = {who}"
        f"{'' if account.is_personal else shared}; else sign in as its owner"
    )
    login = f"{errors.login_command(account.name)} --identity {errors.quoted(mailbox)}"
    return Trouble(f"{who} has signed in, whose own mailbox opens, but not {mailbox}", Remedy(advice, login))


def _of_guest(account: Account) -> Trouble:
    who = account.identity or account.name
    login = f"{errors.login_command(account.name)} --tenant {errors.quoted(account.home_tenant or 'TENANT')}"
    return Trouble(
        f"{who} is a guest in this organisation (tenant), and guests have no mailbox there",
        Remedy("Sign in to your own organisation", login),
    )


def _of_token(account: Account, refused: Attempt) -> Trouble:
    """Return that Exchange said why it refuses the token; without a reason IMAP is switched off (_switched_off)."""
    return Trouble(
        f"Exchange does not take the token of {account.name} ({in_words(refused.refusal)}): it was withdrawn, or is for"
        " somebody else",
        Remedy("Sign in again", errors.login_command(account.name)),
    )


def _switched_off(account: Account, refused: Attempt, again: str) -> Trouble:
    """Return that IMAP is off; if the server refused even the token, it may have been withdrawn."""
    login = f". If it is on, sign in again: {errors.login_command(account.name)}"
    also = login if refused.stage == "imap-sign-in" else ""
    if account.is_personal:
        return Trouble(
            f"IMAP is switched off for {account.name}, as it is for every new mailbox of Outlook.com",
            Remedy(f"Switch it on in the settings, under Mail, Forwarding and IMAP: {_imap_switch()}{also}", again),
        )
    return Trouble(
        f"{account.name} has signed in, but no mailbox opens: IMAP is switched off for it, or, less often, it has no"
        " mailbox or no licence for one",
        Remedy(
            f"An administrator switches IMAP on, or finds that there is no mailbox of that name{also}",
            powershell.switch_imap_on(account.name),
            "powershell",
        ),
    )


def _imap_switch() -> str:
    """Return the page of Outlook.com where IMAP is switched on."""
    return str(tables.load("clouds")["consumers"]["imap_switch"])


def in_words(refusal: dict[str, str]) -> str:
    """Return what the JSON of a refused XOAUTH2 says, in words."""
    status, scope = refusal.get("status", ""), refusal.get("scope", "")
    reply = tables.load("aadsts")["replies"].get(f"XOAUTH2 status {status}") if status else None
    parts = (f"status {status}" if status else "", f"wanted for {scope}" if scope else "", (reply or {}).get("meaning"))
    return "; ".join(filter(None, parts))
