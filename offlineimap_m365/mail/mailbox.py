"""
A mailbox over IMAP: its folders, how many messages they hold, and the headers of a few; nothing is ever changed.

Raises Temporary, SignInNeeded and Misconfigured only.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import time
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_reader, folder_list, imap
from offlineimap_m365.mail.mail_server import LATER, PAUSE, MailServer
from offlineimap_m365.mail.server_text import clean, refusal
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

    from offlineimap_m365.mail.folder_list import Folder

#: STATUS commands on their way at once; isync's manual warns of Exchange with many ("PipelineDepth").
_BATCH = 8
_FIELDS = "(BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE SUBJECT RECEIVED)])"
#: Exchange's answer to a busy client (imapsync#198, #212, #272).
_BACKOFF = re.compile(r"Backoff Time:? (\d{1,7}) millisec", re.IGNORECASE)
#: The same without a time, and what its servers say when one of them is down (offlineimap#291).
_BUSY = re.compile(r"throttled|server unavailable|server busy|try again", re.IGNORECASE)


class NotOpened(errors.SignInNeeded):
    """The server took the token, but opens no mailbox with it."""


class Mailbox(MailServer, imap.Connection):
    """A connection to *address* (``host:port``) on behalf of *account*."""

    protocol = "IMAP"

    def __init__(self, address: str, account: str, family: int = 0) -> None:
        """
        Connect, verified, over one address *family* (socket.AF_INET) or any.

        Raises Temporary if that fails, Misconfigured for a wrong address and for certificates that are not there.
        """
        host, port = split(address)
        MailServer.__init__(self, host, account)
        self._mailbox = account
        if not port:
            raise errors.Misconfigured(
                f"{account}: not the address of an IMAP server: {address}",
                account=account,
                remedy=errors.Remedy("Name the server", f"{errors.login_command(account)} --imap HOST:PORT"),
            )
        context = trusted_certificates.context()
        with self._translated():
            imap.Connection.__init__(self, host, port, context, family)

    def __exit__(self, *_: object) -> None:
        """Leave the server, whatever it answers."""
        with contextlib.suppress(Exception):
            self.begin(1.0)
            self.command("LOGOUT")
        self.shutdown()

    def sign_in(self, mailbox: str, token: str) -> None:
        """
        Open *mailbox* with an access token.

        Raises SignInNeeded, with what the server said, if it refuses; Temporary; Misconfigured if it offers no
        XOAUTH2: then it gets no token.
        """
        self._mailbox = mailbox
        if not self.offers_xoauth2:
            again = f"{errors.login_command(self.account)} --imap HOST:PORT"
            raise errors.Misconfigured(
                f"{self.account}: {self.host} does not let anybody sign in with a token (no AUTH=XOAUTH2)",
                account=self.account,
                remedy=errors.Remedy("If that is the wrong server, name the right one", again),
            )
        with self._translated():
            self.begin()
            status, text = self.authenticate_with(mailbox, token)
        if status == "OK":
            return
        self.refusal = refusal(self.challenge)
        details = clean(", ".join(f"{name} {value}" for name, value in self.refusal.items()))
        answer = "; ".join(filter(None, [_readable(text), details])) or status
        raise self._known(answer) or errors.SignInNeeded(
            f"{self.host} does not let {self.account} into the mailbox {mailbox} ({answer})",
            account=self.account,
            meaning="IMAP may be switched off for it, the permission on it may be missing, or the token is not for it",
            remedy=self._doctor("" if mailbox == self.account else f" --mailbox {errors.quoted(mailbox)}"),
        )

    def folders(self) -> list[Folder]:
        """Return all folders, in the server's order."""
        self._do("LIST", '""', "*")
        return folder_list.listed(self.answers("LIST"))

    def open_inbox(self) -> None:
        """Open INBOX without changing anything, as every mail program opens it."""
        self.is_readonly = True
        self._do("EXAMINE", "INBOX")

    def count(self, folders: Sequence[Folder], seconds: float = bounded_reader.WHOLE) -> dict[str, int]:
        """Return how many messages *folders* hold, by name; after so many *seconds* the others are left out."""
        numbers: dict[bytes, int] = {}
        wanted = [folder for folder in folders if folder.holds_messages and folder.argument]
        deadline = time.monotonic() + seconds
        for start in range(0, len(wanted), _BATCH):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            with self._translated():
                self.begin(max(left, bounded_reader.READ))
                lines = [(folder.argument, "(MESSAGES)") for folder in wanted[start : start + _BATCH]]
                results = self.pipeline("STATUS", lines)
                numbers.update(folder_list.messages(self.answers("STATUS")))
            for status, text in results:
                if status != "OK":
                    self._raise_known(_readable(text))
        return {folder.name: numbers[folder.raw] for folder in wanted if folder.raw in numbers}

    def sample(self, folder: Folder, most: int = 5) -> list[Message]:
        """
        Return the content type, subject and Received lines of the *most* recent messages of *folder*.

        Nothing for a folder that is empty or cannot be opened.
        """
        if not folder.argument or not folder.holds_messages:
            return []
        with self._translated():
            self.begin()
            messages = self.examine(folder.argument)
            if not messages:
                return []
            self.answers("FETCH")
            status, text = self.command("FETCH", f"{max(1, messages - most + 1)}:{messages}", _FIELDS)
            parts = [part[1] for part in self.answers("FETCH") if isinstance(part, tuple)]
        if status != "OK":
            self._raise_known(_readable(text))
        return [BytesHeaderParser().parsebytes(part) for part in parts[-most:]]

    def _do(self, name: str, *arguments: str | bytes) -> None:
        with self._translated():
            self.begin()
            status, text = self.command(name, *arguments)
        if status != "OK":
            answer = _readable(text)
            self._raise_known(answer)
            raise self._temporary(f"refused {name} ({answer or status})", LATER)

    def _failure(self, error: Exception) -> errors.M365Error:
        if isinstance(error, imaplib.IMAP4.error):  # its abort is one, too
            answer = clean(str(error))
            return self._known(answer) or self._temporary(f"broke off ({answer})")
        return super()._failure(error)

    def _raise_known(self, answer: str) -> None:
        error = self._known(answer)
        if error:
            raise error

    def _known(self, answer: str) -> errors.M365Error | None:
        """Return the error behind the server's *answer*, None if it is not known."""
        if "authenticated but not connected" in answer.lower():
            other = "" if self._mailbox == self.account else f" --mailbox {errors.quoted(self._mailbox)}"
            return NotOpened(
                f"{self.account}: {self.host} took the token, but does not open the mailbox {self._mailbox} ({answer})",
                account=self.account,
                meaning="IMAP is switched off for it, it does not exist, or the permission on it is missing",
                remedy=self._doctor(other),
            )
        wait = _BACKOFF.search(answer)
        if wait or _BUSY.search(answer):
            return self._temporary(f"is busy ({answer})", LATER, int(wait[1]) / 1000 if wait else PAUSE)
        if "AccessTokenExpired" in answer:
            return self._temporary(f"ended the session, since its token expired ({answer})", LATER)
        return None


def split(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; the port is 0 if that is no address of a server."""
    host, _, port = address.rpartition(":")
    is_port = bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 65536  # noqa: PLR2004 - 16 bits
    return host.strip("[]"), int(port) if is_port else 0


def _readable(text: Sequence[Any]) -> str:
    last = text[-1] if text else b""
    return clean(last.decode("utf-8", "replace") if isinstance(last, bytes) else "")
