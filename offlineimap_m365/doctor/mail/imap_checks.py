"""
The server that mail is fetched from: can it be reached, does it take a token, and does the mailbox open?
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import NotTriedError, Step
from offlineimap_m365.doctor.mail import connection_trouble, mailbox_refused, server_attempt
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.learn import classify
from offlineimap_m365.mail import mailbox as mailboxes
from offlineimap_m365.mail import server_text

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

CONNECT, XOAUTH2, SIGN_IN, MAILBOX = server_attempt.IMAP_STAGES
FOLDERS = "imap-folders"


def _examine(name: str, subject: Subject) -> Check:
    """Return the check *name* of a stage; the first one makes the attempt for all."""
    account = subject.profile
    if "imap" not in subject.notes:
        token = subject.token.value if subject.token and _mailbox(subject) else None
        subject.notes["imap"] = server_attempt.imap(account, _mailbox(subject), token)
    attempt: Attempt = subject.notes["imap"]
    if name == SIGN_IN and not attempt.user:
        command = f"{errors.COMMAND} doctor {errors.quoted(subject.name)} --mailbox ADDRESS"
        raise NotTriedError(f"Not tried, because an application has no mailbox of its own; name one: {command}")
    check = (
        _refused(subject, attempt) if attempt.stage == name else subject.good(name, _meaning(name, subject, attempt))
    )
    is_own = name in (CONNECT, XOAUTH2) or attempt.user.lower() == subject.name.lower()
    return check if is_own else dataclasses.replace(check, mailbox=attempt.user)


def _mailbox(subject: Subject) -> str:
    """Return whose mailbox is opened; nothing for an application without ``--mailbox``."""
    return "" if subject.profile.is_app_only and "@" not in subject.mailbox else subject.mailbox


def _meaning(name: str, subject: Subject, attempt: Attempt) -> str:
    host, port = mailboxes.split(subject.profile.imap)
    return {
        CONNECT: f"{host} answers on port {port}, with a certificate that is trusted",
        XOAUTH2: f"{host} lets programs sign in with a token",
        SIGN_IN: f"{host} takes the token",
        MAILBOX: f"The mailbox {attempt.user} opens: {len(attempt.folders)} folders",
    }[name]


def _refused(subject: Subject, attempt: Attempt) -> Check:
    """Return the check of the stage at which the attempt ended."""
    if not attempt.is_refused or subject.token is None:
        return connection_trouble.check(subject, attempt, "imap")
    command = connection_trouble.again(subject, attempt.user)
    return subject.fail(
        attempt.stage, mailbox_refused.find_cause(subject.profile, subject.token.value, attempt, command)
    )


def _learned(subject: Subject) -> Check:
    """Return whether what ``folders --learn`` found still fits, by the names of the folders."""
    account, attempt = subject.profile, subject.notes["imap"]
    profile = account.mailboxes.get(learned.key(attempt.user))
    if profile is None:
        return subject.good(FOLDERS, f"The folders of {attempt.user} are filtered by name only; none were learned")
    table = folder_filter.load_table()
    changed = classify.changed(classify.find_out(table, attempt.folders, {}), profile)
    if not changed:
        return subject.good(FOLDERS, f"What was learned about the folders of {attempt.user} still fits")
    is_own = attempt.user.lower() == account.name.lower()
    mailbox = "" if is_own else f" --mailbox {errors.quoted(attempt.user)}"
    names = ", ".join(map(server_text.cited, changed[:5]))
    learn = Remedy("Learn again", f"{errors.COMMAND} folders {errors.quoted(account.name)}{mailbox} --learn")
    return subject.bad(FOLDERS, f"The folders of {attempt.user} changed since they were learned: {names}", learn)


#: The checks, in the order of an attempt.
STEPS = (
    *(
        Step(name, functools.partial(_examine, name), needs)
        for name, needs in (
            (CONNECT, ("profile", "certificates")),
            (XOAUTH2, (CONNECT,)),
            (SIGN_IN, (XOAUTH2, "refresh", "token")),
            (MAILBOX, (SIGN_IN,)),
        )
    ),
    Step(FOLDERS, _learned, (MAILBOX,)),
)
