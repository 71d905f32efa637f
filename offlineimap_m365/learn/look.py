"""
Look at a mailbox over IMAP: its folders, how many messages they have, and what a few of these are.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.console import output
from offlineimap_m365.learn import classify
from offlineimap_m365.mail.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from email.message import Message

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.mail.folder_list import Folder

#: Seconds in which messages are looked at, and in how many folders at most: more would be no small sample.
_SECONDS, _MOST_FOLDERS = 20.0, 60
#: So many messages, and nothing but items among them, show that a folder holds no mail.
_ENOUGH = 2
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
            progress.show(f"Counting the messages in {len(folders)} folders")
            counts = box.count(folders)
            progress.show("Looking at some messages")
            unclear = classify.worth_a_look(classify.find_out(table, folders), folders)
            items = _with_items([folder for folder in unclear if counts.get(folder.name, _ENOUGH) >= _ENOUGH], box)
        return View(folders, counts, classify.find_out(table, folders, items))
    finally:
        progress.clear()


def _with_items(folders: Sequence[Folder], box: Mailbox) -> set[str]:
    """Return the names of the *folders* that hold nothing but items, as far as the time goes."""
    deadline = time.monotonic() + _SECONDS
    found = set()
    for folder in folders[:_MOST_FOLDERS]:
        messages = box.sample(folder) if time.monotonic() < deadline else []
        if len(messages) >= _ENOUGH and all(map(is_item, messages)):
            found.add(folder.name)
    return found


def is_item(message: Message) -> bool:
    """Do these headers show a calendar item, a contact or the like? An invitation that came by mail is mail."""
    is_stand_in = _STAND_IN.search(str(message.get("Subject", ""))) is not None
    return is_stand_in or ("Received" not in message and message.get_content_type() in _ITEM_TYPES)
