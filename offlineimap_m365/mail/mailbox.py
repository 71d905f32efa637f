"""
A mailbox over IMAP: its folders, how many messages they hold, and the headers of a few; nothing is ever changed.

imaplib parses the answers (RFC 3501's grammar with its literals). XOAUTH2 is the only way to sign in. Raises Temporary,
SignInNeeded and Misconfigured only.
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
import re
import time
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_socket, folder_list
from offlineimap_m365.mail.mail_server import LATER, PAUSE, MailServer
from offlineimap_m365.mail.server_text import clean, refusal

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


class Mailbox(MailServer, imaplib.IMAP4):
    """A connection to an IMAP server, verified before the first byte goes out."""

    #: LIST of 200,000 folders.
    protocol, largest_answer = "IMAP", 1 << 24

    def __init__(self, address: str, account: str) -> None:
        """Connect, verified. Raises Temporary if that fails, Misconfigured as MailServer does."""
        MailServer.__init__(self, address, account)
        self._mailbox = account
        with self._translated():
            imaplib.IMAP4.__init__(self, self.host, self.port)
        self.is_readonly = True

    def __exit__(self, *_: object) -> None:
        """Leave the server, whatever it answers."""
        with contextlib.suppress(Exception):
            self._ask("LOGOUT", seconds=1.0)
        self.shutdown()

    def open(self, host: str = "", port: int = 993, timeout: float | None = None) -> None:
        """Connect to *host* and verify its certificate and its name."""
        del timeout
        self.sock = self._context.wrap_socket(bounded_socket.dial(host, port), server_hostname=host)
        self._reader.attach(self.sock)

    def readline(self) -> bytes:
        """Return the next line."""
        return self._reader.readline()

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        return self._reader.read(size)

    def send(self, data: Any) -> None:
        """Send *data*."""
        self.sock.settimeout(bounded_socket.READ)
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self.sock.close()

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers, such as ``XOAUTH2``."""
        return [clean(name.removeprefix("AUTH=")) for name in self.capabilities if name.startswith("AUTH=")]

    def sign_in(self, mailbox: str, token: str) -> None:
        """
        Open *mailbox* with an access token, which is sent once.

        Raises SignInNeeded, with what the server said, if it refuses; Temporary; Misconfigured if it offers no
        XOAUTH2: then it gets no token.
        """
        self._mailbox = mailbox
        self._responses = iter([base64.b64encode(self._xoauth2(mailbox, token)), b""])
        self.literal = self._respond  # type: ignore[assignment]  # as imaplib.authenticate() does
        ((status, text),) = self._ask("AUTHENTICATE", ["XOAUTH2"])
        if status == "OK":
            self.state = "AUTH"
            return
        details = clean(", ".join(f"{name} {value}" for name, value in self.refusal.items()))
        answer = "; ".join(filter(None, [text, details])) or status
        self._raise_known(answer)
        raise errors.SignInNeeded(
            f"{self.host} does not let {self.account} into the mailbox {mailbox} ({answer})",
            account=self.account,
            meaning="IMAP may be switched off for it, the permission on it may be missing, or the token is not for it",
            remedy=self._doctor(mailbox),
        )

    def folders(self) -> list[Folder]:
        """Return all folders, in the server's order."""
        self._do("LIST", '""', "*")
        return folder_list.listed(self._answers("LIST"))

    def open_inbox(self) -> None:
        """Open INBOX without changing anything, as every mail program opens it."""
        self._do("EXAMINE", "INBOX")

    def count(self, folders: Sequence[Folder], seconds: float = bounded_socket.WHOLE) -> dict[str, int]:
        """Return how many messages *folders* hold, by name; after so many *seconds* the others are left out."""
        numbers: dict[bytes, int] = {}
        wanted = [folder for folder in folders if folder.holds_messages and folder.argument]
        deadline = time.monotonic() + seconds
        for start in range(0, len(wanted), _BATCH):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            lines = [(folder.argument, "(MESSAGES)") for folder in wanted[start : start + _BATCH]]
            for status, text in self._ask("STATUS", *lines, seconds=max(left, bounded_socket.READ)):
                if status != "OK":
                    self._raise_known(text)
            with self._translated():
                numbers.update(folder_list.messages(self._answers("STATUS")))
        return {folder.name: numbers[folder.raw] for folder in wanted if folder.raw in numbers}

    def sample(self, folder: Folder, most: int = 5) -> list[Message]:
        """
        Return the content type, subject and Received lines of the *most* recent messages of *folder*.

        Nothing for a folder that is empty or cannot be opened.
        """
        if not folder.argument or not folder.holds_messages:
            return []
        self.untagged_responses.clear()
        ((status, _),) = self._ask("EXAMINE", [folder.argument])
        with self._translated():
            messages = int(self._answers("EXISTS")[-1]) if status == "OK" else 0
        if not messages:
            return []
        self.state = "SELECTED"
        self._answers("FETCH")
        ((status, text),) = self._ask("FETCH", [f"{max(1, messages - most + 1)}:{messages}", _FIELDS])
        if status != "OK":
            self._raise_known(text)
        parts = [part[1] for part in self._answers("FETCH") if isinstance(part, tuple)]
        return [BytesHeaderParser().parsebytes(part) for part in parts[-most:]]

    def _do(self, name: str, *arguments: str) -> None:
        ((status, text),) = self._ask(name, arguments)
        if status != "OK":
            self._raise_known(text)
            raise self._temporary(f"refused {name} ({text or status})", LATER)

    def _ask(self, name: str, *lines: Sequence[str | bytes], seconds: float | None = None) -> list[tuple[str, str]]:
        """
        Send the command *name* once for each of *lines*, then wait for all (RFC 3501 §5.5), up to *seconds*.

        Return for each ``OK``, ``NO`` or ``BAD`` with its text. A BYE is raised.
        """
        with self._translated():
            self._reader.begin(seconds)
            tags = [self._command(name, *line) for line in lines or [()]]
            answers = [self._get_tagged_response(tag) for tag in tags]
        return [(status, clean(b"".join(text[-1:]).decode("utf-8", "replace"))) for status, text in answers]

    def _answers(self, kind: str) -> list[Any]:
        """Return what came untagged of this *kind*, such as ``LIST``, and forget it."""
        answers: list[Any] = self.untagged_responses.pop(kind, [])
        return answers

    def _respond(self, challenge: bytes) -> bytes:
        """Answer a challenge of XOAUTH2: the first with the token, the JSON of an error with nothing, then cancel."""
        with contextlib.suppress(ValueError):
            self.refusal = self.refusal or refusal(base64.b64decode(challenge))
        return next(self._responses, b"*")

    def _failure(self, error: Exception) -> errors.M365Error:
        if isinstance(error, imaplib.IMAP4.error):  # its abort is one, too
            answer = clean(str(error))
            return self._known(answer) or self._temporary(f"ended the session ({answer})")
        return super()._failure(error)

    def _raise_known(self, answer: str) -> None:
        error = self._known(answer)
        if error:
            raise error

    def _known(self, answer: str) -> errors.M365Error | None:
        """Return the error behind the server's *answer*, None if it is not known."""
        if "authenticated but not connected" in answer.lower():
            return NotOpened(
                f"{self.account}: {self.host} took the token, but does not open the mailbox {self._mailbox} ({answer})",
                account=self.account,
                meaning="IMAP is switched off for it, it does not exist, or the permission on it is missing",
                remedy=self._doctor(self._mailbox),
            )
        wait = _BACKOFF.search(answer)
        if wait or _BUSY.search(answer):
            return self._temporary(f"is busy ({answer})", LATER, int(wait[1]) / 1000 if wait else PAUSE)
        if "AccessTokenExpired" in answer:
            return self._temporary(f"ended the session, since its token expired ({answer})", LATER)
        return None
