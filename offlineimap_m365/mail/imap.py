"""
One IMAP connection over verified TLS, bounded in time and in size whatever the server sends.

The standard library's imaplib parses the answers, since RFC 3501's grammar with its literals is nothing to write twice;
what it reads and sends goes through here. It offers XOAUTH2 and no other way to sign in.
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.mail import tcp_connect
from offlineimap_m365.mail.server_text import Endless

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

#: Seconds for the next bytes, and for a whole command (contract §5.7).
READ, WHOLE = 10.0, 20.0
#: Bytes of a line (a folder's name may have 10,000 characters), of a literal, and of the answer to one command.
_LONGEST_LINE, _LARGEST_LITERAL, _LARGEST_ANSWER = 1 << 17, 1 << 20, 1 << 24
_CHUNK = 1 << 16


class Connection(imaplib.IMAP4):
    """
    A connection to *host*, verified before the first byte goes out, and greeted.

    Raises OSError, imaplib's errors, and whatever imaplib makes of garbage: mailbox is the room that turns it all into
    errors of ours.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext, family: int = 0) -> None:
        """Connect, over one address *family* or any; the greeting and the capabilities come within WHOLE seconds."""
        self._context = context
        self._family = family
        self._buffer = bytearray()
        self._secrets: list[bytes] = []
        self._response: bytes | None = None
        #: What the server said of a token that it did not take, in JSON (XOAUTH2's second challenge), or nothing.
        self.refusal = b""
        self.begin()
        super().__init__(host, port)

    def begin(self, seconds: float = WHOLE) -> None:
        """Let what follows take *seconds* and one answer's size in all."""
        self._deadline = time.monotonic() + seconds
        self._received = 0

    def open(self, host: str = "", port: int = 993, timeout: float | None = None) -> None:
        """Connect to *host* and verify its certificate and its name."""
        self.host = host
        self.port = port
        plain = tcp_connect.dial(host, port, self._family, timeout=timeout)
        try:
            plain.settimeout(READ)
            self.sock = self._context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def readline(self) -> bytes:
        """Return the next line, or what is left at the end of the connection."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise Endless("a line")
            if not self._receive():
                end = len(self._buffer)
                break
        return self._take(end + 1)

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer at the end of the connection."""
        if size > _LARGEST_LITERAL:
            raise Endless("a literal")
        while len(self._buffer) < size and self._receive():
            pass
        return self._take(size)

    def send(self, data: Any) -> None:
        """Send *data*."""
        self.sock.settimeout(READ)
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self.sock.close()

    @property
    def offers_xoauth2(self) -> bool:
        """Can one sign in here with a token?"""
        return "AUTH=XOAUTH2" in self.capabilities

    @property
    def family(self) -> int:
        """The address family that it came over."""
        return int(self.sock.family)

    def sign_in(self, user: str, token: str) -> tuple[str, list[Any]]:
        """
        Open the mailbox of *user* with *token* by XOAUTH2; return status and text as command() does.

        As on Microsoft's page "Authenticate an IMAP, POP or SMTP connection using OAuth". The token is sent once.
        """
        response = base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode())
        self._secrets = [token.encode(), response]
        self._response = response
        self.literal = self._respond  # type: ignore[assignment]  # as imaplib.authenticate() does
        status, text = self.command("AUTHENTICATE", "XOAUTH2")
        if status == "OK":
            self.state = "AUTH"
        return status, text

    def command(self, name: str, *arguments: str | bytes) -> tuple[str, list[Any]]:
        """Run one command; return ``OK``, ``NO`` or ``BAD`` with its text. A BYE is raised as imaplib's abort."""
        return self.pipeline(name, [arguments])[0]

    def pipeline(self, name: str, lines: Sequence[Sequence[str | bytes]]) -> list[tuple[str, list[Any]]]:
        """Send the command *name* once for each of *lines*, then wait for all (RFC 3501 §5.5)."""
        tags = [self._command(name, *line) for line in lines]
        return [self._get_tagged_response(tag) for tag in tags]

    def answers(self, kind: str) -> list[Any]:
        """Return what came untagged of this *kind*, such as ``LIST``, and forget it."""
        found: list[Any] = self.untagged_responses.pop(kind, [])
        return found

    def examine(self, name: bytes) -> int | None:
        """Open the folder *name* (quoted) without changing anything; return its messages, None if it is refused."""
        self.is_readonly = True
        self.untagged_responses.clear()
        status, _ = self.command("EXAMINE", name)
        if status != "OK":
            return None
        self.state = "SELECTED"
        return int(self.answers("EXISTS")[-1])

    def _respond(self, challenge: bytes) -> bytes:
        """Answer a challenge of XOAUTH2: the first with the token, the JSON of an error with nothing, then give up."""
        response, self._response = self._response, None
        if response is not None:
            return response
        if self.refusal:
            return b"*"
        self.refusal = challenge or b"="
        return b""

    def _receive(self) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(min(READ, left))
        found = self.sock.recv(_CHUNK)
        self._buffer += found
        self._received += len(found)
        if self._received > _LARGEST_ANSWER:
            raise Endless("an answer")
        return len(found)

    def _take(self, size: int) -> bytes:
        """Return the first bytes, without the token that a server may repeat: this may be shown to somebody."""
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        for secret in self._secrets:
            found = found.replace(secret, b"*" * len(secret))
        return found
