"""
One attempt to open a mailbox as every mail program does: connect, sign in, list the folders, open INBOX.

Exchange answers OK to whoever has a token, and refuses only the next command (mutt_oauth2.py, in a comment;
simonrob/email-oauth2-proxy#74: "SELECT INBOX … BAD User is authenticated but not connected").
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.mail.mailbox import Mailbox, NotOpened

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.mail.folder_list import Folder

#: The checks of a mailbox, in the order of an attempt.
CONNECT, XOAUTH2, SIGN_IN, MAILBOX = STAGES = ("imap-connect", "imap-xoauth2", "imap-sign-in", "imap-mailbox")


@dataclasses.dataclass
class Attempt:
    """
    What came of opening *mailbox*.

    *stage* is where it ended, empty if nothing was refused, with its *error*; *family* the address family that it came
    over, *mechanisms* the ways to sign in that the server offers, *refusal* the JSON of a refused XOAUTH2.
    """

    mailbox: str
    stage: str = CONNECT
    error: errors.M365Error | None = None
    family: int = 0
    mechanisms: list[str] = dataclasses.field(default_factory=list)
    refusal: dict[str, str] = dataclasses.field(default_factory=dict)
    folders: list[Folder] = dataclasses.field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Was the token, or whoever has it, refused?"""
        return self.stage in (SIGN_IN, MAILBOX) and isinstance(self.error, errors.SignInNeeded)


def attempt(account: Account, mailbox: str, token: str | None, family: int = 0) -> Attempt:
    """Open *mailbox* with *token*, over one address *family* or any; without a token it ends before the sign-in."""
    made = Attempt(mailbox)
    try:
        with Mailbox(account.imap, account.name, family) as box:
            _go_on(box, made, token)
    except errors.M365Error as error:
        made.error = error
        if isinstance(error, NotOpened):
            made.stage = MAILBOX
    return made


def _go_on(box: Mailbox, made: Attempt, token: str | None) -> None:
    made.stage = XOAUTH2
    made.family = box.family
    made.mechanisms = box.mechanisms
    if not box.offers_xoauth2:
        return
    made.stage = SIGN_IN
    if token is None:
        return
    try:
        box.sign_in(made.mailbox, token)
    finally:
        made.refusal = box.refusal
    made.stage = MAILBOX
    made.folders = box.folders()
    box.open_inbox()
    made.stage = ""
