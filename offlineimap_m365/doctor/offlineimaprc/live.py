"""
The mailbox behind a section, as its account opens it: at the account's own host, never at one that a file names.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.doctor.mail import mailbox_refused, server_attempt
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Subject, Trouble
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

#: What failed on the way to any mailbox of an account.
_ON_THE_WAY = frozenset(server_attempt.IMAP_STAGES[:-1])


@dataclasses.dataclass(frozen=True)
class Seen:
    """
    What came of a look: the *folders* that can be opened, or why the mailbox is closed to this account (*trouble*).

    With neither it cannot be told, for a reason (*why*) that is not the file's; *is_busy*: the server wants to be left
    alone.
    """

    folders: tuple[str, ...] | None = None
    trouble: Trouble | None = None
    why: str = ""
    is_busy: bool = False


def look(subject: Subject, mailbox: str, again: str) -> Seen:
    """Open *mailbox* with the sign-in of *subject* and list its folders; *again* is the command that looks again."""
    try:
        account = subject.account or profiles.get(subject.name)
        token = subject.token.value if subject.token else engine.access_token(account.name).value
    except errors.M365Error as error:  # named by the checks of the account
        return Seen(why=error.fact)
    made = server_attempt.imap(account, mailbox, token)
    if not made.stage:
        return Seen(tuple(folder.name for folder in made.folders if folder.holds_messages))
    if made.is_refused:
        return Seen(trouble=mailbox_refused.find_cause(account, token, made, again))
    return Seen(why=_why(made), is_busy="is busy" in _why(made))


def _why(made: Attempt) -> str:
    return made.error.fact if made.error else "the server takes no token"


def can_look(subject: Subject, mailbox: str) -> bool:
    """Is there something to be learnt by a look: a network, and nothing that failed on the way to this mailbox?"""
    if subject.offline or (subject.token is None and subject.failed) or subject.failed & _ON_THE_WAY:
        return False
    return not (mailbox.lower() == subject.mailbox.lower() and server_attempt.IMAP_STAGES[-1] in subject.failed)
