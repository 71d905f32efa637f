"""
The mailbox behind a section, as its account opens it: never at a host that a file names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365 import accounts, errors, tokens
from offlineimap_m365.mailbox import Mailbox

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Subject
    from offlineimap_m365.mailbox import Folder


def look(subject: Subject, mailbox: str) -> list[Folder]:
    """Return the folders of *mailbox* with the sign-in of *subject*, at its account's own host; raises M365Error."""
    account = subject.account or accounts.get(subject.name)
    token = subject.token.value if subject.token else _token(account.name)
    with Mailbox(account.imap, account.name) as box:
        box.sign_in(mailbox, token)
        return box.folders()


def _token(name: str) -> str:
    try:
        return tokens.access_token(name).value
    except errors.M365Error as error:  # named by the checks of the account, and nothing of the mailbox's
        raise error.replaced(errors.Temporary) from error


def can_look(subject: Subject, mailbox: str) -> bool:
    """Is there something to be learnt by a look: a network, and nothing that failed on the way to this mailbox?"""
    if subject.offline or (subject.token is None and subject.failed):
        return False
    is_seen = mailbox.lower() == subject.mailbox.lower()
    return not (is_seen and any(name.startswith("imap") for name in subject.failed))


def is_refusal(error: errors.M365Error) -> bool:
    """Is it about the mailbox (its server answered), and not about the way to it?"""
    return isinstance(error, errors.SignInNeeded)
