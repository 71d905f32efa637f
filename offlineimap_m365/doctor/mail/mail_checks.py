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
from offlineimap_m365.doctor.account import token_claims
from offlineimap_m365.doctor.check import NotTriedError, Step, Trouble, of_error
from offlineimap_m365.doctor.mail import mailbox_refused, server_attempt
from offlineimap_m365.doctor.mail.server_attempt import IMAP_STAGES, SMTP_STAGES
from offlineimap_m365.doctor.network import certificate_checks
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.knowledge import mail_scopes
from offlineimap_m365.learn import classify
from offlineimap_m365.mail import bounded_socket, server_text
from offlineimap_m365.mail import mailbox as mailboxes
from offlineimap_m365.mail.submission import Submission
from offlineimap_m365.provider import request_failure

if TYPE_CHECKING:
    import socket

    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

#: Ways to sign in that are named: no server has more.
_MOST = 12
#: What each check says if it is good.
_GOOD = {
    "imap-connect": "{host} answers on port {port}, with a certificate that is trusted",
    "imap-xoauth2": "{host} lets programs sign in with a token",
    "imap-sign-in": "{host} takes the token",
    "imap-mailbox": "The mailbox {user} opens: {folders} folders",
    "smtp-connect": "{host} answers on port {port}",
    "smtp-starttls": "{host} begins TLS, with a certificate that is trusted",
    "smtp-xoauth2": "{host} lets programs sign in with a token",
    "smtp-sign-in": "{host} lets {user} send mail",
}


def _examine(name: str, subject: Subject) -> Check:
    """Return the check *name* of a stage."""
    attempt = _attempt(name.partition("-")[0], subject)
    if name.endswith("sign-in") and not attempt.user:
        command = f"{errors.COMMAND} doctor {errors.quoted(subject.name)} --mailbox ADDRESS"
        raise NotTriedError(f"Not tried, because an application has no mailbox of its own; name one: {command}")
    host, port = mailboxes.split(_server(name, subject))
    facts = {"host": host, "port": port, "user": attempt.user, "folders": len(attempt.folders)}
    check = _ended(subject, attempt) if attempt.stage == name else subject.good(name, _GOOD[name].format(**facts))
    is_own = name not in IMAP_STAGES[2:] or attempt.user.lower() == subject.name.lower()
    return check if is_own else dataclasses.replace(check, mailbox=attempt.user)


def _attempt(which: str, subject: Subject) -> Attempt:
    """Return the attempt at the server *which*, made if it is the first one."""
    if which not in subject.notes:
        account = subject.profile
        if which == "smtp" and not _may_send(subject):
            raise NotTriedError("Not tried, because the account did not ask for the permission to send (smtp)")
        user = account.name if which == "smtp" and not account.is_app_only else subject.mailbox
        user = "" if account.is_app_only and "@" not in user else user
        token = subject.token.value if subject.token and user else None
        attempt = server_attempt.imap if which == "imap" else server_attempt.smtp
        subject.notes[which] = attempt(account, user, token)
    noted: Attempt = subject.notes[which]
    return noted


def _may_send(subject: Subject) -> bool:
    """Does the token, or what was asked for, allow to send?"""
    account = subject.profile
    claims = token_claims.read(subject.token.value) if subject.token and account.is_app_only else None
    granted = token_claims.protocols(claims) if claims else None
    is_default = any(scope.endswith("/.default") for scope in account.scopes)
    return "smtp" in granted if granted else is_default or "smtp" in map(mail_scopes.protocol, account.scopes)


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
    trouble = _connection(subject, attempt, error)
    return subject.bad(name, trouble.meaning, trouble.remedy) if trouble else _again(subject, name, error)


def _not_offered(subject: Subject, attempt: Attempt) -> Check:
    """Return that a server offers no STARTTLS or no XOAUTH2, so that it gets no token."""
    server, again = _server(attempt.stage, subject), server_attempt.again(subject.name)
    if attempt.stage == "smtp-starttls":
        advice = "Use another network, or ask the administrator of this one what changes the traffic of mail programs"
        meaning = "does not offer STARTTLS: a program in between removes it, or it is another server"
    else:
        ways = ", ".join(attempt.mechanisms[:_MOST]) or "nothing"
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
        other = account.identity if account.identity not in (None, attempt.user) else None
        if other and not account.is_app_only and not server_attempt.smtp(account, other, token).stage:
            meaning = f"{other} may send mail: name that as the user for sending, and {attempt.user} as the sender"
            return subject.good(name, meaning)
    trouble = mailbox_refused.find_cause_of_reply(account, token, attempt)
    return subject.bad(name, trouble.meaning, trouble.remedy)


def _connection(subject: Subject, attempt: Attempt, error: errors.M365Error) -> Trouble | None:
    """Return what TLS or the network does not allow, as the sign-in service answers; None if it is something else."""
    host, port = mailboxes.split(_server(attempt.stage, subject))
    again = server_attempt.again(subject.name)
    causes = list(request_failure.causes(error))
    untrusted = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if untrusted is not None:
        connect = functools.partial(_connect, subject.name, host, port, is_smtp=attempt.stage in SMTP_STAGES)
        return certificate_checks.refused(host, untrusted, again, connect)
    if attempt.stage.endswith("-connect") and any(
        isinstance(cause, ConnectionRefusedError | TimeoutError) for cause in causes
    ):
        advice = f"Ask the administrator of this network to open port {port}, or use another one (a VPN, a phone)"
        meaning = f"{error.fact}. This network blocks port {port}, or the server is down"
        return Trouble(meaning, Remedy(advice, again))
    return None


def _connect(account: str, host: str, port: int, *, is_smtp: bool) -> socket.socket:
    """Return a connection that is ready for a TLS handshake."""
    if is_smtp:
        return Submission(host, port, account).hand_over()
    return bounded_socket.dial(host, port)


def _again(subject: Subject, name: str, error: errors.M365Error) -> Check:
    """Return the failed check *name* that met *error*; the remedy of one that may pass would be this command."""
    if isinstance(error, errors.Temporary):
        wait = error.retry_after
        pause = f"Wait {time_words.duration(wait)}" if wait > errors.Temporary.retry_after else "Wait a little"
        remedy = Remedy(f"This may pass by itself. {pause}, then check again", server_attempt.again(subject.name))
        error = error.replaced(remedy=remedy)
    return of_error(name, error, subject.name)


# The folders


def _learned(subject: Subject) -> Check:
    """Return whether what ``folders --learn`` found still fits, by the names of the folders."""
    account, attempt, name = subject.profile, subject.notes["imap"], "imap-folders"
    profile = account.mailboxes.get(learned.key(attempt.user))
    if profile is None:
        return subject.good(name, f"The folders of {attempt.user} are filtered by name only; none were learned")
    table = folder_filter.load_table()
    changed = classify.changed(classify.find_out(table, attempt.folders, {}), profile)
    if not changed:
        return subject.good(name, f"What was learned about the folders of {attempt.user} still fits")
    mailbox = server_attempt.mailbox_option(account.name, attempt.user)
    names = ", ".join(map(server_text.cited, changed[:5]))
    learn = Remedy("Learn again", f"{errors.COMMAND} folders {errors.quoted(account.name)}{mailbox} --learn")
    return subject.bad(name, f"The folders of {attempt.user} changed since they were learned: {names}", learn)


def _steps(stages: tuple[str, ...], first: tuple[str, ...]) -> tuple[Step, ...]:
    """Return the checks of a server: each *stage* needs the one before it, and a sign-in needs the token."""
    needs = [first, *((stage,) for stage in stages)]
    return tuple(
        Step(
            stage,
            functools.partial(_examine, stage),
            before + (("refresh", "token") if stage.endswith("sign-in") else ()),
        )
        for stage, before in zip(stages, needs, strict=False)
    )


#: The checks in the order of an attempt. What keeps from one server keeps from the next, so it is named once.
IMAP_STEPS = (*_steps(IMAP_STAGES, ("profile", "tls")), Step("imap-folders", _learned, ("imap-mailbox",)))
SMTP_STEPS = _steps(SMTP_STAGES, ("profile", "imap-connect"))
