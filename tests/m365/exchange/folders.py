"""The folders that Exchange shows over IMAP, and how IMAP spells a folder's name (RFC 3501 §5.1.3)."""

from __future__ import annotations

import base64
import re

#: What a mailbox in English lists: no flag tells a calendar from a mail folder (MailKit#152, offlineimap#450).
#: The last six only look like folders of another kind.
FOLDERS = (
    "INBOX",
    "Sent Items",
    "Deleted Items",
    "Drafts",
    "Junk Email",
    "Archive",
    "Outbox",
    "Calendar",
    "Calendar/Birthdays",
    "Calendar/United States holidays",
    "Contacts",
    "Contacts/Recipient Cache",
    "Tasks",
    "Notes",
    "Journal",
    "Sync Issues",
    "Sync Issues/Conflicts",
    "Conversation History",
    "RSS Feeds",
    "Calendars of the team",
    "Projects",
    "Projects/Calendar redesign",
    "Contacts-old",
    "INBOX/Notes",
)

#: Enough for most tests: each folder costs every sync some time.
FEW_FOLDERS = ("INBOX", "Sent Items", "Drafts", "Calendar")

_NOT_MAIL = frozenset({"Calendar", "Contacts", "Journal", "Notes", "Sync Issues", "Tasks"})


def holds_items(folder: str) -> bool:
    """Return whether *folder* holds appointments, contacts and the like, which IMAP shows as stand-ins."""
    return folder.partition("/")[0] in _NOT_MAIL


def holds_mail(folder: str) -> bool:
    """Return whether *folder* holds mail; the outbox does not."""
    return not holds_items(folder) and folder != "Outbox"


def encode(folder: str) -> str:
    """Return the name as it goes over the wire: modified UTF-7, quoted."""
    spelt = re.sub(r"&|[^\x20-\x7e]+", _shift, folder)
    return '"' + re.sub(r'(["\\])', r"\\\1", spelt) + '"'


def decode(wire: str) -> str:
    """Return the Unicode name behind what LIST showed, quoted or not."""
    if wire.startswith('"'):
        wire = re.sub(r"\\(.)", r"\1", wire[1:-1])
    return re.sub(r"&([^-]*)-", _unshift, wire)


def _shift(match: re.Match[str]) -> str:
    if match[0] == "&":
        return "&-"
    return "&" + base64.b64encode(match[0].encode("utf-16-be"), b"+,").decode().rstrip("=") + "-"


def _unshift(match: re.Match[str]) -> str:
    if not match[1]:
        return "&"
    padded = match[1] + "=" * (-len(match[1]) % 4)
    return base64.b64decode(padded, b"+,").decode("utf-16-be")
