"""A mailbox opened on the server: IMAP to Dovecot over a pipe, without proxy, network or token."""

from __future__ import annotations

import imaplib
import re
import shlex
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

from .folders import decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) "/" (?P<name>.+)', re.DOTALL)


class Mailbox(imaplib.IMAP4_stream):
    """One mailbox, opened as its owner; a context manager that logs out."""

    def __init__(self, command: Sequence[str], log: str) -> None:
        """Start *command*, Dovecot's imap for one user, which greets with PREAUTH; what it logs goes to *log*."""
        super().__init__(f"exec {shlex.join(command)} 2>>{shlex.quote(log)}")

    def create_folder(self, folder: str) -> None:
        """Create *folder* (Unicode, "/" between levels) and whatever is above it."""
        self._done(*self.create(encode(folder)))

    def folders(self) -> list[str]:
        """Return all folders that can be opened, sorted."""
        found = [_LISTED.match(line) for line in self._done(*self.list()) if isinstance(line, bytes)]
        return sorted(
            decode(match["name"].decode()) for match in found if match and b"\\noselect" not in match["flags"].lower()
        )

    def put(self, folder: str, message: bytes, flags: Sequence[str] = ()) -> None:
        """Append *message* to *folder* with *flags* (RFC 3501 §2.3.2)."""
        self._done(*self.append(encode(folder), f"({' '.join(flags)})", "", message))

    def messages(self, folder: str) -> list[bytes]:
        """Return all messages of *folder*, oldest first; nothing is marked as read."""
        self._done(*self.select(encode(folder), readonly=True))
        parts = self._done(*self.uid("FETCH", "1:*", "(BODY.PEEK[])"))
        return [part[1] for part in parts if isinstance(part, tuple)]

    def _done(self, status: str, data: Sequence[object]) -> Sequence[object]:
        if status != "OK":
            raise self.error(f"Dovecot answered {status} {data!r}")
        return data


def message_id(message: bytes) -> str:
    """Return the Message-ID of *message*, or nothing."""
    return str(BytesHeaderParser().parsebytes(message)["Message-ID"] or "").strip()
