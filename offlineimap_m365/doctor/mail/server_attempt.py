"""
One attempt to use a mail server as every mail program does, and the stage at which it ended.

Exchange answers OK to everybody who has a token, and refuses only the next command (mutt_oauth2.py, in a comment;
simonrob/email-oauth2-proxy#74: "SELECT INBOX … BAD User is authenticated but not connected").
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.mail import mailbox as mailboxes
from offlineimap_m365.mail.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.mail.folder_list import Folder
    from offlineimap_m365.mail.mailbox import Mailbox

#: The checks of a server, in the order of an attempt.
IMAP_STAGES = ("imap-connect", "imap-xoauth2", "imap-sign-in", "imap-mailbox")
SMTP_STAGES = ("smtp-connect", "smtp-starttls", "smtp-xoauth2", "smtp-sign-in")


@dataclasses.dataclass
class Attempt:
    """
    What came of signing in as *user* (for IMAP: opening that mailbox).

    *stage* is the check at which it ended, empty if nothing was refused, with its *error*; *mechanisms* are the ways to
    sign in that the server offers, *refusal* is the JSON of a refused XOAUTH2, *reply* what an SMTP server answered.
    """

    user: str
    stage: str
    error: errors.M365Error | None = None
    mechanisms: list[str] = dataclasses.field(default_factory=list)
    refusal: dict[str, str] = dataclasses.field(default_factory=dict)
    reply: str = ""
    folders: list[Folder] = dataclasses.field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Was the token, or the person that it is for, refused?"""
        return isinstance(self.error, errors.SignInNeeded)


def mailbox_option(account: str, mailbox: str) -> str:
    """Return the option that names a *mailbox* other than the account's own, with a blank before it; else ""."""
    return "" if mailbox.lower() in ("", account.lower()) else f" --mailbox {errors.quoted(mailbox)}"


def again(account: str, mailbox: str = "") -> str:
    """Return the command that checks the *account*, and *mailbox* if it is not its own, once more."""
    return f"{errors.COMMAND} doctor {errors.quoted(account)}{mailbox_option(account, mailbox)}"


def imap(account: Account, mailbox: str, token: str | None) -> Attempt:
    """Open *mailbox* with *token*; without a token it ends before the sign-in."""
    attempt = Attempt(mailbox, IMAP_STAGES[0])
    return _run(attempt, token, lambda: mailboxes.Mailbox(account.imap, account.name), _use_imap)


def smtp(account: Account, user: str, token: str | None) -> Attempt:
    """Sign in as *user* to the server that mail is sent through; no mail is sent."""
    host, port = mailboxes.split(account.smtp)
    return _run(Attempt(user, SMTP_STAGES[0]), token, lambda: Submission(host, port, account.name), _use_smtp)


def _run(
    attempt: Attempt, token: str | None, connect: Callable[[], Any], use: Callable[[Any, Attempt, str | None], None]
) -> Attempt:
    try:
        with connect() as server:
            try:
                use(server, attempt, token)
            finally:
                attempt.refusal, attempt.reply = server.refusal, server.reply
    except errors.M365Error as error:
        attempt.error = error
        if isinstance(error, mailboxes.NotOpened):
            attempt.stage = "imap-mailbox"
    return attempt


def _use_imap(server: Mailbox, attempt: Attempt, token: str | None) -> None:
    attempt.mechanisms = server.mechanisms
    if _signs_in(server, attempt, token, "imap"):
        attempt.stage = "imap-mailbox"
        attempt.folders = server.folders()
        server.open_inbox()
        attempt.stage = ""


def _use_smtp(server: Submission, attempt: Attempt, token: str | None) -> None:
    attempt.stage = "smtp-starttls"
    if server.offers_starttls:
        server.secure()
        attempt.mechanisms = server.mechanisms
        if _signs_in(server, attempt, token, "smtp"):
            attempt.stage = ""


def _signs_in(server: Mailbox | Submission, attempt: Attempt, token: str | None, kind: str) -> bool:
    """Sign in if the server offers XOAUTH2 and there is a token."""
    attempt.stage = f"{kind}-xoauth2"
    if not server.offers_xoauth2:
        return False
    attempt.stage = f"{kind}-sign-in"
    if token is None:
        return False
    server.sign_in(attempt.user, token)
    return True
