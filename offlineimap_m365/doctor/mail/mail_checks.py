"""
The servers that mail is fetched from and sent through: can they be reached, and do they take the token?

The first check of a server makes the attempt for all its checks. No mail is sent. For sending, a shared mailbox is not
a user: the person who signed in signs in, and names the other as the sender (nextcloud/mail#13668); an application
signs in as the mailbox.
"""

from __future__ import annotations

import dataclasses
import functools
import ssl
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor import network
from offlineimap_m365.doctor.account import token_checks
from offlineimap_m365.doctor.check import NotTriedError, Step, of_error
from offlineimap_m365.doctor.mail import mailbox_refused, server_attempt
from offlineimap_m365.doctor.mail.server_attempt import IMAP_STAGES
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.knowledge import mail_scopes
from offlineimap_m365.learn import classify
from offlineimap_m365.mail import mail_server, server_text
from offlineimap_m365.provider import id_token, request_failure

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

#: What each check says if it is good.
_GOOD = {
    "imap-connect": "{address} answers, with a certificate that is trusted",
    "imap-xoauth2": "{address} lets programs sign in with a token",
    "imap-sign-in": "{address} takes the token",
    "imap-mailbox": "The mailbox {user} opens: {folders} folders",
    "smtp-connect": "{address} answers",
    "smtp-starttls": "{address} begins TLS, with a certificate that is trusted",
    "smtp-xoauth2": "{address} lets programs sign in with a token",
    "smtp-sign-in": "{address} lets {user} send mail",
}


def _examine(name: str, subject: Subject) -> Check:
    """Return the check *name* of a stage."""
    attempt = _attempt(name.partition("-")[0], subject)
    if name.endswith("sign-in") and not attempt.user:
        command = f"{errors.COMMAND} doctor {errors.quoted(subject.name)} --mailbox ADDRESS"
        raise NotTriedError(f"Not tried, because an application has no mailbox of its own; name one: {command}")
    facts = {"address": _server(name, subject), "user": attempt.user, "folders": len(attempt.folders)}
    check = _ended(subject, attempt) if attempt.stage == name else subject.good(name, _GOOD[name].format(**facts))
    is_own = name not in IMAP_STAGES[2:] or attempt.user.lower() == subject.name.lower()
    return check if is_own else dataclasses.replace(check, mailbox=attempt.user)


def _attempt(kind: str, subject: Subject) -> Attempt:
    """Return the attempt at the server of this *kind*, made if it is the first one."""
    if kind not in subject.notes:
        account = subject.profile
        if kind == "smtp" and not _may_send(subject):
            raise NotTriedError("Not tried, because the account did not ask for the permission to send (smtp)")
        user = account.name if kind == "smtp" and not account.is_app_only else subject.mailbox
        user = "" if account.is_app_only and "@" not in user else user
        token = subject.token.value if subject.token and user else None
        subject.notes[kind] = server_attempt.make(kind, account, user, token)
    noted: Attempt = subject.notes[kind]
    return noted


def _may_send(subject: Subject) -> bool:
    """Does the token, or what was asked for, allow to send?"""
    account = subject.profile
    claims = id_token.claims_of(subject.token.value) if subject.token and account.is_app_only else None
    granted = token_checks.protocols(claims) if claims else None
    if granted is not None:
        return "smtp" in granted
    return any(scope.endswith("/.default") or mail_scopes.protocol(scope) == "smtp" for scope in account.scopes)


def _server(name: str, subject: Subject) -> str:
    """Return ``host:port`` of the server that the check *name* is about."""
    return subject.profile.imap if name.startswith("imap") else subject.profile.smtp


# Why an attempt ended


def _ended(subject: Subject, attempt: Attempt) -> Check:
    """Return the check of the stage at which the *attempt* ended."""
    name, error = attempt.stage, attempt.error
    if error is None:
        return _not_offered(subject, attempt)
    if attempt.is_refused and subject.token is not None:
        return _refused(subject, attempt, subject.token.value)
    (host, port), again = mail_server.split(_server(name, subject)), server_attempt.again(subject.name)
    for cause in request_failure.causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            trouble = network.untrusted(host, cause, again)
            return subject.bad(name, trouble.meaning, trouble.remedy)
        if name.endswith("-connect") and isinstance(cause, ConnectionRefusedError | TimeoutError):
            # The sign-in service answered a moment ago, so the network works.
            advice = f"Ask the administrator of this network to open port {port}, or use another one (a VPN, a phone)"
            meaning = f"{error.fact}. This network blocks port {port}, or the server is down"
            return subject.bad(name, meaning, Remedy(advice, again))
    if isinstance(error, errors.Temporary):  # its own remedy would be this command
        wait = error.retry_after
        pause = f"Wait {time_words.duration(wait)}" if wait > errors.Temporary.retry_after else "Wait a little"
        error = error.replaced(remedy=Remedy(f"This may pass by itself. {pause}, then check again", again))
    return of_error(name, error, subject.name)


def _not_offered(subject: Subject, attempt: Attempt) -> Check:
    """Return that a server offers no STARTTLS or no XOAUTH2, so that it gets no token."""
    server, again = _server(attempt.stage, subject), server_attempt.again(subject.name)
    if attempt.stage == "smtp-starttls":
        advice = "Use another network, or ask the administrator of this one what changes the traffic of mail programs"
        meaning = "does not offer STARTTLS: a program in between removes it, or it is another server"
    else:
        ways = server_text.clean(", ".join(attempt.server.mechanisms if attempt.server else [])) or "nothing"
        option = f"--{attempt.stage.partition('-')[0]} HOST:PORT"
        advice = f"Ask its administrator to offer XOAUTH2; if it is the wrong server, name another with login {option}"
        meaning = f"does not let programs sign in with a token: it offers {ways}, and no XOAUTH2"
    return subject.bad(attempt.stage, f"{server} {meaning}", Remedy(advice, again))


def _refused(subject: Subject, attempt: Attempt, token: str) -> Check:
    """Return the check of a sign-in or a mailbox that was refused, and why."""
    account, name = subject.profile, attempt.stage
    if name in IMAP_STAGES:
        again = server_attempt.again(subject.name, attempt.user)
        trouble = mailbox_refused.find_cause(account, token, attempt, again)
        return subject.bad(name, trouble.meaning, trouble.remedy)
    if not mailbox_refused.is_switched_off(attempt.reply):
        earlier = next((stage for stage in IMAP_STAGES[2:] if subject.unmet.get(stage) == stage), None)
        if earlier is not None:
            return subject.not_tried(name, earlier)
        other = account.identity
        if other not in (None, attempt.user) and not server_attempt.make("smtp", account, other, token).stage:
            meaning = f"{other} may send mail: name that as the user for sending, and {attempt.user} as the sender"
            return subject.good(name, meaning)
    trouble = mailbox_refused.find_cause_of_reply(account, token, attempt)
    return subject.bad(name, trouble.meaning, trouble.remedy)


# The folders


def _learned(subject: Subject) -> Check:
    """Return whether what ``folders --learn`` found still fits, by the names of the folders."""
    account, attempt, name = subject.profile, subject.notes["imap"], "imap-folders"
    profile = account.mailboxes.get(learned.key(attempt.user))
    if profile is None:
        return subject.good(name, f"The folders of {attempt.user} are filtered by name only; none were learned")
    changed = classify.changed(classify.find_out(folder_filter.load_table(), attempt.folders), profile)
    if not changed:
        return subject.good(name, f"What was learned about the folders of {attempt.user} still fits")
    mailbox = mail_server.mailbox_option(account.name, attempt.user)
    names = ", ".join(map(server_text.cited, changed[:5]))
    learn = Remedy("Learn again", f"{errors.COMMAND} folders {errors.quoted(account.name)}{mailbox} --learn")
    return subject.bad(name, f"The folders of {attempt.user} changed since they were learned: {names}", learn)


def _step(stage: str, *needs: str) -> Step:
    return Step(stage, functools.partial(_examine, stage), needs)


#: The checks in the order of an attempt. What keeps from one server keeps from the next, so it is named once.
IMAP_STEPS = (
    _step("imap-connect", "profile", "tls"),
    _step("imap-xoauth2", "imap-connect"),
    _step("imap-sign-in", "imap-xoauth2", "refresh", "token"),
    _step("imap-mailbox", "imap-sign-in"),
    Step("imap-folders", _learned, ("imap-mailbox",)),
)
SMTP_STEPS = (
    _step("smtp-connect", "profile", "imap-connect"),
    _step("smtp-starttls", "smtp-connect"),
    _step("smtp-xoauth2", "smtp-starttls"),
    _step("smtp-sign-in", "smtp-xoauth2", "refresh", "token"),
)
