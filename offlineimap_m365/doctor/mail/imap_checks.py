"""
The mail server that mail is fetched from: can it be reached, does it take a token, and does the mailbox open?
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.local import tls_trust
from offlineimap_m365.doctor.mail import mailbox_attempt, mailbox_refused, reachability
from offlineimap_m365.doctor.mail.mailbox_attempt import CONNECT, MAILBOX, SIGN_IN, STAGES, XOAUTH2
from offlineimap_m365.doctor.network import route
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.learn import classify
from offlineimap_m365.mail import mailbox as mailboxes
from offlineimap_m365.mail import server_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.doctor.mail.mailbox_attempt import Attempt
    from offlineimap_m365.doctor.mail.reachability import Trouble

FOLDERS = "imap-folders"


def examine(subject: Subject) -> Iterator[Check]:
    """Yield the checks of one connection, and of what was learnt of the mailbox's folders."""
    account = subject.account
    if account is None:
        yield subject.untold(CONNECT, "Not tried, since the account is not known")
        return
    mailbox = _mailbox(subject, account)
    token = subject.token.value if subject.token and mailbox else None
    made = mailbox_attempt.attempt(account, mailbox, token)
    ended = STAGES.index(made.stage) if made.stage else len(STAGES)
    for number, name in enumerate(STAGES):
        if number < ended:
            yield _good(subject, account, made, name)
        elif number == ended and (token is not None or number < STAGES.index(SIGN_IN)):
            yield _bad(subject, account, made, token)
        else:
            yield _of(subject, mailbox, subject.untold(name, _why_untold(subject, made)))
    if not made.stage:
        yield _of(subject, mailbox, _learnt(subject, account, made))


def open_mailbox(subject: Subject, mailbox: str) -> Check:
    """Return the check ``imap-mailbox`` of *mailbox*: does the account's token open it, and if not, why?"""
    account, token = subject.account, subject.token
    if account is None or token is None or subject.failed.intersection(STAGES[:2]):
        found = subject.untold(MAILBOX, f"{mailbox} was not tried, since it cannot be opened now for another reason")
    else:
        made = mailbox_attempt.attempt(account, mailbox, token.value)
        found = _bad(subject, account, made, token.value) if made.stage else _good(subject, account, made, MAILBOX)
    return dataclasses.replace(found, name=MAILBOX, mailbox=mailbox)


def _mailbox(subject: Subject, account: Account) -> str:
    """Return whose mailbox is opened; nothing for an application that was asked for by its name only."""
    is_nobodys = account.is_app_only and "@" not in subject.mailbox
    return "" if is_nobodys else subject.mailbox


def _good(subject: Subject, account: Account, made: Attempt, name: str) -> Check:
    host, port = mailboxes.split(account.imap)
    if name == CONNECT:
        silent = reachability.silent_family(host, port, made.family)
        slow = f"; not over {silent}, so programs that try that first are slow" if silent else ""
        return subject.good(name, f"{host} answers on port {port}, with a certificate that is trusted{slow}")
    meanings = {
        XOAUTH2: f"{host} lets programs sign in with a token",
        SIGN_IN: f"{host} takes the token",
        MAILBOX: f"The mailbox {made.mailbox} opens: {len(made.folders)} folders",
    }
    return _of(subject, made.mailbox, subject.good(name, meanings[name]))


def _bad(subject: Subject, account: Account, made: Attempt, token: str | None) -> Check:
    """Return the check of the stage at which an attempt ended."""
    again = reachability.look_again(subject, made.mailbox)
    if made.error is None:
        found = reachability.without_xoauth2(account, "imap", made.mechanisms)
        return reachability.check(subject, XOAUTH2, found, again)
    if made.is_refused and "token" in subject.failed:
        return _of(subject, made.mailbox, subject.untold(made.stage, "Not told, since the token is not the right one"))
    if made.is_refused and token is not None:
        cause = mailbox_refused.find_cause(account, token, made, again)
        return _of(subject, made.mailbox, subject.bad(made.stage, cause.meaning, cause.remedy))
    trouble = _trouble(account, again) if made.stage == CONNECT else None
    if trouble is not None:
        return reachability.check(subject, made.stage, trouble, again)
    return _of(subject, made.mailbox, reachability.of_error(subject, made.stage, made.error, again))


def _of(subject: Subject, mailbox: str, check: Check) -> Check:
    """Return *check* with the mailbox in it where that is not the account's own."""
    return check if mailbox.lower() in ("", subject.name.lower()) else dataclasses.replace(check, mailbox=mailbox)


def _why_untold(subject: Subject, made: Attempt) -> str:
    if made.stage == SIGN_IN and subject.token is None:
        return "Not tried, since there is no token"
    if not made.mailbox:
        name = errors.quoted(subject.name)
        return f"Not tried, since an application has no mailbox of its own: {errors.COMMAND} doctor {name} --mailbox …"
    return "Not tried, since the step before failed"


def _trouble(account: Account, again: str) -> Trouble | None:
    host, port = mailboxes.split(account.imap)
    if not port:
        return reachability.no_address(account, "imap")
    peer = tls_trust.Peer(host, lambda: route.connect(host, port), again, reachability.rename(account, "imap"))
    return reachability.find_trouble(account, host, port) or tls_trust.find_trouble_if_any(peer)


def _learnt(subject: Subject, account: Account, made: Attempt) -> Check:
    """Return whether what ``folders --learn`` found out still fits; names only, since messages take long to look at."""
    kept = account.mailboxes.get(learned.key(made.mailbox))
    if kept is None:
        return subject.good(
            FOLDERS, f"The folders of {made.mailbox} are filtered by their names alone, none was learnt"
        )
    try:
        table = folder_filter.load_table(folder_filter.own_table())
    except (OSError, ValueError):
        return subject.untold(FOLDERS, "Not tried, since the table of folders cannot be read")
    changed = classify.changed(classify.find_out(table, made.folders, {}), kept)
    if not changed:
        return subject.good(FOLDERS, f"What was learnt of the folders of {made.mailbox} still fits")
    also = "" if made.mailbox.lower() == account.name.lower() else f" --mailbox {errors.quoted(made.mailbox)}"
    return subject.bad(
        FOLDERS,
        f"The folders of {errors.printable(made.mailbox)} changed since they were learnt:"
        f" {', '.join(map(server_text.cited, changed[:5]))}",
        f"Learn them again. Run: {errors.COMMAND} folders {errors.quoted(account.name)}{also} --learn",
    )
