"""
Look at a mailbox over IMAP: its folders, how many messages they have, and what a sample of these shows.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.learn import classify, evidence
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.mail.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.learn.classify import Finding
    from offlineimap_m365.learn.evidence import Evidence
    from offlineimap_m365.mail.folder_list import Folder

#: Seconds in which messages are looked at, and in how many folders at most: more would be no small sample.
_SECONDS, _MOST_FOLDERS = 20.0, 60
#: With more folders than this, counting takes so long that it is announced.
_MANY = 500


@dataclasses.dataclass(frozen=True)
class View:
    """What was seen: the *folders*, the number of messages in each, and the *finding* about them."""

    folders: Sequence[Folder]
    counts: Mapping[str, int]
    finding: Finding


def look(account: Account, mailbox: str, token: str, table: Mapping[str, Any], say: Callable[[str], None]) -> View:
    """Look at the *mailbox* with the *token* of *account*; *table* has the names of folders. Raises M365Error."""
    with Mailbox(account.imap, account.name) as box:
        box.sign_in(mailbox, token)
        folders = box.folders()
        if len(folders) > _MANY:
            seconds = bounded_socket.WHOLE + _SECONDS
            say(f"{len(folders)} folders: looking at as many as possible in {seconds:.0f} s.")
        counts = box.count(folders)
        shown = _sample(box, classify.worth_a_look(table, folders), counts)
    return View(folders, counts, classify.find_out(table, folders, shown))


def _sample(box: Mailbox, folders: Sequence[Folder], counts: Mapping[str, int]) -> dict[str, Evidence]:
    """Return what a small sample of headers shows of the *folders*, as far as the time goes."""
    deadline = time.monotonic() + _SECONDS
    shown: dict[str, Evidence] = {}
    for folder in folders:
        if len(shown) == _MOST_FOLDERS or time.monotonic() > deadline:
            break
        if counts.get(folder.name, 1):
            shown[folder.name] = evidence.weigh(box.sample(folder))
    return shown
