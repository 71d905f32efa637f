"""
What the headers of a few messages show of a folder: whether it holds calendar items and contacts, or mail.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

#: So many messages, and nothing but items among them, show that a folder of an unknown name holds no mail.
_ENOUGH = 2
#: The subject of what Exchange shows instead of an item (MailKit#1451, offlineimap#507).
_STAND_IN = re.compile(r"retrieval using the imap4 protocol failed", re.IGNORECASE)
_ITEM_TYPES = frozenset({"text/calendar", "text/directory", "text/vcard", "text/x-vcard"})


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a few headers show of a folder: how many are *items* for sure, how many came by *mail*, and of how many."""

    items: int = 0
    mail: int = 0
    total: int = 0

    @property
    def shows_items(self) -> bool:
        """Are there items, and nothing that came by mail?"""
        return self.items > 0 and self.mail == 0

    @property
    def shows_only_items(self) -> bool:
        """Are there enough messages, and is each of them an item?"""
        return self.items == self.total >= _ENOUGH

    @property
    def shows_mail(self) -> bool:
        """Did something come by mail, and is there no item?"""
        return self.mail > 0 and self.items == 0


def weigh(messages: Sequence[Message]) -> Evidence:
    """Return what the headers of *messages* (see mailbox.Mailbox.sample) show."""
    items = sum(_is_item(message) for message in messages)
    mail = sum("Received" in message and not _is_stand_in(message) for message in messages)
    return Evidence(items, mail, len(messages))


def _is_item(message: Message) -> bool:
    if _is_stand_in(message):
        return True
    return message.get_content_type() in _ITEM_TYPES and "Received" not in message  # an invitation is mail


def _is_stand_in(message: Message) -> bool:
    return bool(_STAND_IN.search(str(message.get("Subject", ""))))
