"""
One attempt to use a mail server as every mail program does, and the stage at which it ended.

Exchange answers OK to everybody who has a token, and refuses only the next command (mutt_oauth2.py, in a comment;
simonrob/email-oauth2-proxy#74: "SELECT INBOX … BAD User is authenticated but not connected").
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.mail import mail_server
from offlineimap_m365.mail.mailbox import Mailbox, NotOpened
from offlineimap_m365.mail.submission import Submission

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.mail.folder_list import Folder

#: The checks of an IMAP server, in the order of an attempt.
IMAP_STAGES = ("imap-connect", "imap-xoauth2", "imap-sign-in", "imap-mailbox")


@dataclasses.dataclass
class Attempt:
    """
    What came of signing in as *user* (for IMAP: opening that mailbox).

    *stage* is the check at which it ended, empty if nothing was refused, with its *error*. *server* is the connection,
    closed by now, which knows what was offered and answered; None if there was none.
    """

    user: str
    stage: str
    error: errors.M365Error | None = None
    server: Mailbox | Submission | None = None
    folders: list[Folder] = dataclasses.field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Was the token, or the person that it is for, refused?"""
        return isinstance(self.error, errors.SignInNeeded)

    @property
    def reply(self) -> str:
        """What an SMTP server answered to a sign-in."""
        return self.server.reply if self.server else ""

    @property
    def refusal(self) -> dict[str, str]:
        """The JSON of a refused XOAUTH2."""
        return self.server.refusal if self.server else {}


def again(account: str, mailbox: str = "") -> str:
    """Return the command that checks the *account*, and *mailbox* if it is not its own, once more."""
    return f"{errors.COMMAND} doctor {errors.quoted(account)}{mail_server.mailbox_option(account, mailbox)}"


def make(kind: str, account: Account, user: str, token: str | None) -> Attempt:
    """
    Sign in as *user* with *token*; without a token it ends before the sign-in.

    *kind* is ``imap``, which opens the mailbox *user*, or ``smtp``, which sends no mail.
    """
    attempt = Attempt(user, f"{kind}-connect")
    try:
        if kind == "imap":
            attempt.server = Mailbox(account.imap, account.name)
        else:
            attempt.server = Submission(account.smtp, account.name)
        with attempt.server:
            _use(attempt.server, attempt, token)
    except errors.M365Error as error:
        attempt.error = error
        if isinstance(error, NotOpened):
            attempt.stage = "imap-mailbox"
    return attempt


def _use(server: Mailbox | Submission, attempt: Attempt, token: str | None) -> None:
    """Go from stage to stage; return at the one that the server does not offer."""
    kind = server.protocol.lower()
    if isinstance(server, Submission):
        attempt.stage = "smtp-starttls"
        if not server.offers_starttls:
            return
        server.secure()
    attempt.stage = f"{kind}-xoauth2"
    if not server.offers_xoauth2:
        return
    attempt.stage = f"{kind}-sign-in"
    if token is None:
        return
    server.sign_in(attempt.user, token)
    if isinstance(server, Mailbox):
        attempt.stage = "imap-mailbox"
        attempt.folders = server.folders()
        server.open_inbox()
    attempt.stage = ""
