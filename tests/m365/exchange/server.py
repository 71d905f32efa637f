"""The whole Exchange: mailboxes in Dovecot behind a proxy that answers as Exchange Online does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapclient import IMAPClient

from .folders import FEW_FOLDERS, holds_items, holds_mail
from .loopback import Loopback
from .mail import make_message, stand_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Exchange(Loopback):
    """
    An Exchange Online on loopback; a context manager that starts and stops it.

    IMAP over TLS at *host*:*imap_port*, submission with STARTTLS at *host*:*smtp_port*, both with XOAUTH2 alone. Its
    behaviour (:class:`Rules`: slow_seconds, imap_off and more) may be changed while it runs.
    """

    def add_mailbox(self, address: str, folders: Sequence[str] = FEW_FOLDERS) -> None:
        """Make a mailbox with *folders* beside INBOX; calendars and the like hold one item each."""
        items = {folder: stand_in(address, 1, f"An item of {folder}") for folder in folders if holds_items(folder)}
        self.add_folders(address, {folder: [items[folder]] if folder in items else [] for folder in folders})

    def add_folders(self, address: str, content: Mapping[str, Sequence[bytes]]) -> None:
        """Make a mailbox with these folders and messages, or add them to an existing one."""
        self.grant(address, address)
        with self.open(address) as mailbox:
            for folder, messages in content.items():
                if folder != "INBOX":
                    mailbox.create_folder(folder)
                for message in messages:
                    mailbox.append(folder, message)

    def deliver(self, address: str, folder: str, message: bytes) -> None:
        """Put *message* into *folder*."""
        with self.open(address) as mailbox:
            mailbox.append(folder, message)

    def fill(self, address: str, per_folder: int = 3, size: int = 600) -> None:
        """Put *per_folder* messages of about *size* bytes into every mail folder, all different."""
        with self.open(address) as mailbox:
            for folder in filter(holds_mail, _folders(mailbox)):
                for number in range(per_folder):
                    mailbox.append(folder, make_message(address, folder, number, size))

    def contents(self, address: str) -> dict[str, list[bytes]]:
        """Return the messages on the server by folder (Unicode, "/" between levels), with CRLF line ends."""
        found = {}
        with self.open(address) as mailbox:
            for folder in _folders(mailbox):
                mailbox.select_folder(folder, readonly=True)
                messages = mailbox.fetch(mailbox.search(), ["BODY.PEEK[]"])
                found[folder] = [messages[uid][b"BODY[]"] for uid in sorted(messages)]
        return found

    def open(self, address: str) -> Mailbox:
        """Open a mailbox as its owner, without network and token; a context manager that logs out."""
        return Mailbox(self._dovecot.command(address), ssl=False, stream=True)


class Mailbox(IMAPClient):
    """A mailbox whose server is at the other end of a pipe."""

    def _set_read_timeout(self) -> None:
        """Set none: IMAPClient 4.1.0 asks for the socket, which a pipe does not have."""


def _folders(mailbox: Mailbox) -> list[str]:
    """Return all folders that can be opened, sorted."""
    return sorted(name for flags, _, name in mailbox.list_folders() if b"\\noselect" not in map(bytes.lower, flags))
