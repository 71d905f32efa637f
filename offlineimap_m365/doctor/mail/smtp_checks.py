"""
The server that mail is sent through: can it be reached, is it encrypted, does it let this account send?

No mail is sent. A shared mailbox is not a user here: the person who signed in signs in, and names the other as the
sender (nextcloud/mail#13668); an application signs in as the mailbox.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.account import token_claims
from offlineimap_m365.doctor.check import NotTriedError, Step, Trouble
from offlineimap_m365.doctor.mail import connection_trouble, mailbox_refused, server_attempt
from offlineimap_m365.knowledge import explain, mail_scopes, powershell
from offlineimap_m365.mail import mailbox as mailboxes

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

CONNECT, STARTTLS, XOAUTH2, SIGN_IN = server_attempt.SMTP_STAGES
#: What Exchange says of a mailbox or an organisation that no program may send from (simonrob/email-oauth2-proxy#193),
#: and to an application that it does not let in.
_SWITCHED_OFF, _NOT_TAKEN = "smtpclientauthentication is disabled", "5.7.3 "


def _examine(name: str, subject: Subject) -> Check:
    """Return the check *name* of a stage; the first one makes the attempt for all."""
    account = subject.profile
    if "smtp" not in subject.notes:
        if not _may_send(subject):
            raise NotTriedError("Not tried, because the account did not ask for the permission to send (smtp)")
        user = subject.mailbox if account.is_app_only else account.name
        token = subject.token.value if subject.token and "@" in user else None
        subject.notes["smtp"] = server_attempt.smtp(account, user, token)
    attempt: Attempt = subject.notes["smtp"]
    if name == SIGN_IN and "@" not in attempt.user:
        raise NotTriedError("Not tried, because an application has no mailbox of its own")
    if attempt.stage != name:
        return subject.good(name, _meaning(name, account, attempt))
    if name == SIGN_IN and attempt.is_refused and subject.token is not None:
        return _refused(subject, attempt, subject.token.value)
    return connection_trouble.check(subject, attempt, "smtp")


def _may_send(subject: Subject) -> bool:
    """Does the token, or what was asked for, allow to send?"""
    account = subject.profile
    claims = token_claims.read(subject.token.value) if subject.token and account.is_app_only else None
    granted = token_claims.protocols(claims) if claims else None
    is_default = any(scope.endswith("/.default") for scope in account.scopes)
    return "smtp" in granted if granted else is_default or "smtp" in map(mail_scopes.protocol, account.scopes)


def _meaning(name: str, account: Account, attempt: Attempt) -> str:
    host, port = mailboxes.split(account.smtp)
    return {
        CONNECT: f"{host} answers on port {port}",
        STARTTLS: f"{host} begins TLS, with a certificate that is trusted",
        XOAUTH2: f"{host} lets programs sign in with a token",
        SIGN_IN: f"{host} lets {attempt.user} send mail",
    }[name]


def _refused(subject: Subject, attempt: Attempt, token: str) -> Check:
    """Return the check of a sign-in that was refused, and why."""
    account, reply = subject.profile, attempt.reply
    if _SWITCHED_OFF not in reply.lower():
        earlier = next((n for n in server_attempt.IMAP_STAGES[2:] if n in subject.failed), None)
        if earlier is not None:
            return subject.not_tried(SIGN_IN, earlier)
        other = account.identity if account.identity not in (None, attempt.user) else None
        if other and not account.is_app_only and not server_attempt.smtp(account, other, token).stage:
            meaning = f"{other} may send mail: name that as the user for sending, and {attempt.user} as the sender"
            return subject.good(SIGN_IN, meaning)
    return subject.fail(SIGN_IN, _of_reply(account, attempt, reply, token))


def _of_reply(account: Account, attempt: Attempt, reply: str, token: str) -> Trouble:
    """Return what the server's *reply* means, and what helps."""
    if _SWITCHED_OFF in reply.lower() and not account.is_personal:
        meaning = (
            f"Programs may not send mail as {attempt.user}: that is switched off for the mailbox or the organisation"
        )
        advice = "An administrator switches it on for this mailbox"
        remedy = Remedy(advice, powershell.switch_smtp_on(attempt.user), "powershell")
        return Trouble(f"{meaning} (tenant), while IMAP can work ({reply})", remedy)
    if account.is_app_only and _NOT_TAKEN in reply:
        return mailbox_refused.of_application(account, token, attempt.user)
    words = "; ".join(filter(None, [reply, mailbox_refused.in_words(attempt.refusal)]))
    known = explain.explain(reply, explain.Situation(account.name, is_personal=account.is_personal))
    if known is not None:
        return Trouble(f"{known.meaning} ({words})", known.remedy)
    sign_in = Remedy(f"Sign in again, as {account.name}", errors.login_command(account.name))
    return Trouble(f"{attempt.user} is not let in for sending ({words})", sign_in)


#: The checks, in the order of a connection.
STEPS = tuple(
    Step(name, functools.partial(_examine, name), needs)
    for name, needs in (
        (CONNECT, ("profile", "certificates")),
        (STARTTLS, (CONNECT,)),
        (XOAUTH2, (STARTTLS,)),
        (SIGN_IN, (XOAUTH2, "refresh", "token")),
    )
)
