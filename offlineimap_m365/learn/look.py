"""
Look at a mailbox over IMAP: its folders, how many messages they have, and what a sample of these shows.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.console import output
from offlineimap_m365.console.prompt import say
from offlineimap_m365.learn import classify
from offlineimap_m365.mail.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from email.message import Message

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.mail.folder_list import Folder

#: Seconds in which messages are looked at, and in how many folders at most: more would be no small sample.
_SECONDS, _MOST_FOLDERS = 20.0, 60
#: With more folders than this, counting takes so long that it is announced.
_MANY = 500
#: The subject of what Exchange shows instead of an item (MailKit#1451, offlineimap#507).
_STAND_IN = re.compile(r"retrieval using the imap4 protocol failed", re.IGNORECASE)
_ITEM_TYPES = frozenset({"text/calendar", "text/directory", "text/vcard", "text/x-vcard"})


@dataclasses.dataclass(frozen=True)
class View:
    """What was seen: the *folders*, the number of messages in each, and the *finding* about them."""

    folders: Sequence[Folder]
    counts: Mapping[str, int]
    finding: classify.Finding


def look(account: Account, mailbox: str, token: str, table: Mapping[str, Any]) -> View:
    """
    Look at the *mailbox* with the *token* of *account*; *table* has the names of folders.

    Shows its progress on a terminal. Raises M365Error.
    """
    progress = output.Passing(sys.stderr)
    try:
        progress.show(f"Listing the folders of {mailbox}")
        with Mailbox(account.imap, account.name) as box:
            box.sign_in(mailbox, token)
            folders = box.folders()
            if len(folders) > _MANY:
                progress.clear()
                say(f"{mailbox} has {len(folders)} folders. That takes longer, and not all messages may be counted.")
            counts = box.count(
                folders, progress=lambda n: progress.show(f"Counting messages: {n} of {len(folders)} folders")
            )
            progress.show("Looking at some messages")
            evidence = _sample(box, classify.worth_a_look(table, folders), counts)
        progress.show(f"Comparing the names of {len(folders)} folders")
        return View(folders, counts, classify.find_out(table, folders, evidence))
    finally:
        progress.clear()


def _sample(box: Mailbox, folders: Sequence[Folder], counts: Mapping[str, int]) -> dict[str, classify.Evidence]:
    """Return what a small sample of headers shows of the *folders*, as far as the time goes."""
    deadline = time.monotonic() + _SECONDS
    evidence: dict[str, classify.Evidence] = {}
    for folder in folders:
        if len(evidence) == _MOST_FOLDERS or time.monotonic() > deadline:
            break
        if counts.get(folder.name, 1):
            evidence[folder.name] = weigh(box.sample(folder))
    return evidence


def weigh(messages: Sequence[Message]) -> classify.Evidence:
    """Return what the headers of *messages* (see mailbox.Mailbox.sample) show."""
    stand_ins = sum(map(_is_stand_in, messages))
    others = [message for message in messages if not _is_stand_in(message)]
    mail = sum("Received" in message for message in others)  # an invitation that came by mail is mail
    items = sum(message.get_content_type() in _ITEM_TYPES and "Received" not in message for message in others)
    return classify.Evidence(stand_ins + items, mail, len(messages))


def _is_stand_in(message: Message) -> bool:
    return bool(_STAND_IN.search(str(message.get("Subject", ""))))
