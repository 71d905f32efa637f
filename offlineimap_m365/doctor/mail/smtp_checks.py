"""
The mail server that mail is sent through: can it be reached, is it verified, does it let this account send?

No mail is sent. A shared mailbox is no user here: who signed in signs in, and names the other as the sender
(nextcloud/mail#13668); an application signs in as the mailbox.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.account import token_claims
from offlineimap_m365.doctor.local import tls_trust
from offlineimap_m365.doctor.mail import mailbox_attempt, mailbox_refused, reachability
from offlineimap_m365.doctor.mail.reachability import Trouble
from offlineimap_m365.knowledge import explain, powershell
from offlineimap_m365.mail import mailbox as mailboxes
from offlineimap_m365.mail import smtp
from offlineimap_m365.mail.submission import Submission
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject

#: The checks, in the order of a connection.
CONNECT, STARTTLS, XOAUTH2, SIGN_IN = STAGES = ("smtp-connect", "smtp-starttls", "smtp-xoauth2", "smtp-sign-in")
#: What Exchange calls a mailbox or an organisation from which no program may send (simonrob/email-oauth2-proxy#193).
_SWITCHED_OFF = "smtpclientauthentication is disabled"
_NOT_TAKEN = "5.7.3 "
#: The ends of the permissions to send, of a person and of an application.
_PERMISSIONS = ("smtp.send", "smtp.sendasapp", ".default")


@dataclasses.dataclass
class _Attempt:
    """What came of signing in as *user*: where it ended (*stage*; empty if it did not), and with which *error*."""

    user: str
    stage: str = CONNECT
    error: errors.M365Error | None = None
    mechanisms: list[str] = dataclasses.field(default_factory=list)
    refusal: dict[str, str] = dataclasses.field(default_factory=dict)


def examine(subject: Subject) -> Iterator[Check]:
    """Yield the checks of one connection to the server that mail is sent through."""
    account = subject.account
    why = _why_skipped(subject)
    if account is None or why:
        yield subject.untold(CONNECT, f"Not tried, since {why or 'the account is not known'}")
        return
    user = subject.mailbox if account.is_app_only else account.name
    token = subject.token.value if subject.token and "@" in user else None
    made = _attempt(account, user, token)
    ended = STAGES.index(made.stage) if made.stage else len(STAGES)
    for number, name in enumerate(STAGES):
        if number < ended:
            yield _good(subject, account, made, name)
        elif number == ended and (token is not None or name != SIGN_IN):
            yield _bad(subject, account, made, token)
        else:
            yield subject.untold(name, _why_untold(subject, made))


def _why_skipped(subject: Subject) -> str:
    """Return why nobody wants to send here, nothing if somebody does."""
    account = subject.account
    if account is None:
        return "the account is not known"
    if "certificates" in subject.failed:
        return "there are no trusted certificates"
    read = token_claims.read(subject.token.value) if subject.token and account.is_app_only else None
    granted = token_claims.permissions(read) if read else None
    ends = [scope.rpartition("/")[2].lower() for scope in account.scopes]
    if not set(granted or ends).intersection(_PERMISSIONS):
        return "the account did not ask for the permission to send (smtp)"
    return ""


def _attempt(account: Account, user: str, token: str | None) -> _Attempt:
    """Connect and sign in as *user*; without a token it ends before that."""
    made = _Attempt(user)
    host, port = mailboxes.split(account.smtp)
    try:
        with Submission(host, port, account.name) as server:
            _go_on(server, made, token)
    except errors.M365Error as error:
        made.error = error
    return made


def _go_on(server: Submission, made: _Attempt, token: str | None) -> None:
    made.stage = STARTTLS
    if not server.offers_starttls:
        return
    server.secure()
    made.stage = XOAUTH2
    made.mechanisms = server.mechanisms
    if not server.offers_xoauth2:
        return
    made.stage = SIGN_IN
    if token is None:
        return
    try:
        server.sign_in(made.user, token)
    finally:
        made.refusal = server.refusal
    made.stage = ""


def _good(subject: Subject, account: Account, made: _Attempt, name: str) -> Check:
    host, port = mailboxes.split(account.smtp)
    meanings = {
        CONNECT: f"{host} answers on port {port}",
        STARTTLS: f"{host} begins TLS, with a certificate that is trusted",
        XOAUTH2: f"{host} lets programs sign in with a token",
        SIGN_IN: f"{host} lets {made.user} send mail",
    }
    return subject.good(name, meanings[name])


def _bad(subject: Subject, account: Account, made: _Attempt, token: str | None) -> Check:
    """Return the check of the stage at which an attempt ended."""
    again = reachability.look_again(subject, subject.mailbox)
    if made.stage == SIGN_IN and isinstance(made.error, errors.SignInNeeded):
        return _refused(subject, account, made, token or "")
    if made.error is None:
        found = (
            reachability.without_xoauth2(account, "smtp", made.mechanisms)
            if made.stage == XOAUTH2
            else _in_clear(account)
        )
        return reachability.check(subject, made.stage, found, again)
    trouble = _trouble(account, again) if made.stage in (CONNECT, STARTTLS) else None
    if trouble is not None:
        return reachability.check(subject, made.stage, trouble, again)
    return reachability.of_error(subject, made.stage, made.error, again)


def _why_untold(subject: Subject, made: _Attempt) -> str:
    if made.stage == SIGN_IN and subject.token is None:
        return "Not tried, since there is no token"
    if made.stage == SIGN_IN and "@" not in made.user:
        return "Not tried, since an application has no mailbox of its own"
    return "Not tried, since the step before failed"


def _trouble(account: Account, again: str) -> Trouble | None:
    host, port = mailboxes.split(account.smtp)
    if not port:
        return reachability.no_address(account, "smtp")
    context = trusted_certificates.context()
    peer = tls_trust.Peer(
        host, lambda: smtp.Connection(host, port, context).hand_over(), again, reachability.rename(account, "smtp")
    )
    return reachability.find_trouble(account, host, port) or tls_trust.find_trouble_if_any(peer)


def _in_clear(account: Account) -> Trouble:
    host, port = mailboxes.split(account.smtp)
    return Trouble(
        f"{host} offers no STARTTLS on port {port}, so nothing secret may be sent there: something in between takes it"
        " out, or it is another server",
        "Use another network, or ask whoever runs this one who changes what mail programs send",
    )


def _refused(subject: Subject, account: Account, made: _Attempt, token: str) -> Check:
    """Return the check of a sign-in that was refused, and why."""
    said = made.error.fact if made.error else ""
    if _SWITCHED_OFF not in said.lower():
        if subject.failed.intersection(("token", mailbox_attempt.SIGN_IN, mailbox_attempt.MAILBOX)):
            return subject.untold(SIGN_IN, "Not told, since a check before it has failed for the same reason")
        somebody = account.identity if account.identity not in (None, made.user) else None
        if somebody and not account.is_app_only and not _attempt(account, somebody, token).stage:
            meaning = f"{somebody} may send mail: name that as the user for sending, and {made.user} as the sender"
            return subject.good(SIGN_IN, meaning)
    found = _of_reply(account, made, said, token)
    return reachability.check(subject, SIGN_IN, found, reachability.look_again(subject, subject.mailbox))


def _of_reply(account: Account, made: _Attempt, said: str, token: str) -> Trouble:
    """Return what a refusal means, from the table of replies, with the command that helps."""
    if _SWITCHED_OFF in said.lower() and not account.is_personal:
        return Trouble(
            f"Programs may not send mail as {made.user}: that is switched off for the mailbox or the organisation"
            f" (tenant), while IMAP can work ({_reply(said)})",
            "An administrator switches it on for this mailbox. In PowerShell: " + powershell.switch_smtp_on(made.user),
        )
    if account.is_app_only and _NOT_TAKEN in said:
        return mailbox_refused.of_application(account, token, made.user)
    known = explain.explain(said, explain.Situation(account.name, is_personal=account.is_personal))
    words = mailbox_refused.in_words(made.refusal)
    meaning = known.meaning if known else f"{made.user} is not let in for sending"
    return Trouble(f"{meaning} ({'; '.join(filter(None, [_reply(said), words]))})", _remedy(account, known))


def _remedy(account: Account, known: explain.Explanation | None) -> str:
    """Return what helps: the administrator, who is asked for nothing if one does without sending, or a new sign-in."""
    login = errors.login_command(account.name)
    if known and known.klass == "ADMIN":
        ask = "" if account.is_personal else "Ask the administrator which policy forbids it, or "
        return f"{ask or 'It is possible to '}do without sending. Run: {login} --scope imap"
    return f"Sign in again, as {account.name}. Run: {login}"


def _reply(said: str) -> str:
    """Return the server's own words at the end of a fact."""
    return said.rpartition(" mail (")[2].removesuffix(")")
