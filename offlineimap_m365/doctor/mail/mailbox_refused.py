"""
Why a mail server does not let in somebody whose token it took, and the command that helps.

Exchange has one answer for all causes, "User is authenticated but not connected". What opens with the same token
distinguishes them as far as that is possible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Trouble
from offlineimap_m365.doctor.mail import server_attempt
from offlineimap_m365.knowledge import explain, powershell, tables
from offlineimap_m365.provider import id_token

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

#: What stands in a command for an id that only the administrator can look up.
_OBJECT_ID = "OBJECT_ID"
#: What Exchange says to an application that it does not let in.
_NOT_TAKEN = "5.7.3 "


def find_cause(account: Account, token: str, refused: Attempt, again: str) -> Trouble:
    """Return why IMAP *refused*; *again* is the command that checks again."""
    mailbox, who = refused.user, account.identity or account.name
    if account.is_app_only:
        return _of_application(account, token, mailbox)
    is_own = mailbox.lower() == account.name.lower()
    own = who if is_own else account.name
    if own.lower() == mailbox.lower():
        return _nothing_opens(account, refused, again)
    other = server_attempt.make("imap", account, own, token)
    if not other.stage:
        return _of_somebody_else(account, mailbox) if is_own else _without_permission(account, mailbox)
    if other.error is None or other.is_refused:
        return _nothing_opens(account, refused, again)
    meaning = f"The mailbox {mailbox} does not open, and why cannot be known now: {other.error.fact}"
    return Trouble(meaning, Remedy("Wait a little", again))


def _of_application(account: Account, token: str, mailbox: str) -> Trouble:
    """Return that an application may not open *mailbox*, and the commands that let it, filled in."""
    object_id = str((id_token.claims_of(token) or {}).get("oid") or _OBJECT_ID)
    commands = f"{powershell.introduce(account.client_id, object_id)}; {powershell.permit(mailbox, object_id)}"
    causes = "Exchange does not know it, it lacks the permission on the mailbox, or there is no such mailbox"
    advice = "An administrator adds it to Exchange, by the object id of the enterprise application, and permits it"
    meaning = f"The application may not open the mailbox {mailbox}: {causes}"
    return Trouble(meaning, Remedy(advice, commands, "powershell"))


def _without_permission(account: Account, mailbox: str) -> Trouble:
    """Return why *mailbox* does not open to the person whose own mailbox does."""
    who, alias = account.identity or account.name, f"set remoteuser = {account.name}"
    meaning = f"{account.name} opens with this token, and {mailbox} does not: "
    signed_in = {name.lower(): name for name in profiles.names_if_readable()}.get(mailbox.lower())
    if signed_in is not None:
        advice = f'In the section of {mailbox}, use get_access_token("{signed_in}")'
        return Trouble(f"{meaning}it is signed in itself", Remedy(advice, server_attempt.again(signed_in)))
    if account.is_personal:
        advice = f"If it is another address (alias) of your mailbox, {alias}; else sign in to it"
        remedy = Remedy(advice, errors.login_command(mailbox))
        return Trouble(f"{meaning}personal accounts have no shared mailboxes", remedy)
    meaning += f"{who} lacks the permission, there is no such mailbox, it is an alias, or IMAP is switched off for it"
    advice = (
        f"Compare the address; for an alias {alias}; for a shared mailbox an administrator grants the permission or,"
        f" if it has that, switches IMAP on: {powershell.switch_imap_on(mailbox)}"
    )
    return Trouble(meaning, Remedy(advice, powershell.permit(mailbox, who), "powershell"))


def _of_somebody_else(account: Account, mailbox: str) -> Trouble:
    """Return that the person who signed in has another mailbox than *mailbox*, the account's address."""
    who = account.identity or account.name
    shared = f"; for a shared mailbox an administrator runs {powershell.permit(mailbox, who)}"
    alias = f"If {mailbox} is another address (alias) of {who}, set remoteuser = {who}"
    advice = f"{alias}{'' if account.is_personal else shared}; else sign in as its owner"
    login = f"{errors.login_command(account.name)} --identity {errors.quoted(mailbox)}"
    return Trouble(f"{who} has signed in, whose own mailbox opens, but not {mailbox}", Remedy(advice, login))


def _nothing_opens(account: Account, refused: Attempt, again: str) -> Trouble:
    """Return why no mailbox opens; if the server refused even the token, that may have been withdrawn."""
    name, login = account.name, errors.login_command(account.name)
    if account.home_tenant is not None:
        meaning = f"{account.identity or name} is a guest in this organisation (tenant), and guests have no mailbox"
        command = f"{login} --tenant {errors.quoted(account.home_tenant)}"
        return Trouble(meaning, Remedy("Sign in to your own organisation", command))
    if refused.refusal:
        reason = f"({_in_words(refused.refusal)}): it was withdrawn, or is for somebody else"
        return Trouble(f"Exchange does not take the token of {name} {reason}", Remedy("Sign in again", login))
    also = f". If it is on, sign in again: {login}" if refused.stage == "imap-sign-in" else ""
    if account.is_personal:
        page = tables.load("clouds")["consumers"]["imap_switch"]
        meaning = f"IMAP is switched off for {name}, as it is for every new mailbox of Outlook.com"
        # Outlook.com opens some mailboxes over IPv4 only (thunderbird/thunderbird-android#9635).
        ipv4 = "; if it is on, use IPv4 alone (OfflineIMAP: ipv6 = no in the section of the remote repository)"
        advice = f"Switch it on in the settings, under Mail, Forwarding and IMAP: {page}{ipv4}{also}"
        return Trouble(meaning, Remedy(advice, again))
    causes = "IMAP is switched off for it, or, less often, it has no mailbox or no licence for one"
    advice = f"An administrator switches IMAP on, or finds that there is no mailbox of that name{also}"
    remedy = Remedy(advice, powershell.switch_imap_on(name), "powershell")
    return Trouble(f"{name} has signed in, but no mailbox opens: {causes}", remedy)


def _in_words(refusal: dict[str, str]) -> str:
    """Return what the JSON of a refused XOAUTH2 says, in words."""
    return ", ".join(f"{name} {value}" for name, value in refusal.items())


# Sending


def is_switched_off(reply: str) -> bool:
    """Does the *reply* say that no program may send from a mailbox or organisation (email-oauth2-proxy#193)?"""
    return "smtpclientauthentication is disabled" in reply.lower()


def find_cause_of_reply(account: Account, token: str, refused: Attempt) -> Trouble:
    """Return what the SMTP server's reply means, and what helps."""
    user, reply = refused.user, refused.reply
    if is_switched_off(reply) and not account.is_personal:
        remedy = Remedy(
            "An administrator switches it on for this mailbox", powershell.switch_smtp_on(user), "powershell"
        )
        where = "it is switched off for the mailbox or the organisation (tenant), while IMAP can work"
        return Trouble(f"Programs may not send mail as {user}: {where} ({reply})", remedy)
    if account.is_app_only and _NOT_TAKEN in reply:
        return _of_application(account, token, user)
    words = "; ".join(filter(None, [reply, _in_words(refused.refusal)]))
    known = explain.explain(reply, explain.Situation(account.name, is_personal=account.is_personal))
    if known is not None:
        return Trouble(f"{known.meaning} ({words})", known.remedy)
    sign_in = Remedy(f"Sign in again, as {account.name}", errors.login_command(account.name))
    return Trouble(f"{user} is not let in for sending ({words})", sign_in)
