"""
One IMAP connection over verified TLS, bounded in time and in size.

imaplib parses the answers (RFC 3501's grammar with its literals). XOAUTH2 is the only way to sign in.
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
from typing import TYPE_CHECKING, Any

from offlineimap_m365.mail import bounded_reader, tcp_connect
from offlineimap_m365.mail.server_text import clean

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

#: Bytes of the answer to one command: LIST of 200,000 folders.
_LARGEST_ANSWER = 1 << 24


class Connection(imaplib.IMAP4):
    """
    A connection to *host*, verified before the first byte goes out, and greeted.

    Raises OSError, imaplib's errors, and whatever imaplib raises on garbage; Mailbox turns all of them into ours.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext, family: int = 0) -> None:
        """Connect over one address *family* or any."""
        self._context = context
        self._family = family
        self._reader = bounded_reader.BoundedReader(_LARGEST_ANSWER)
        self._response: bytes | None = None
        #: What the server said of a token that it refused, in JSON (XOAUTH2's second challenge), or nothing.
        self.challenge = b""
        super().__init__(host, port)

    def begin(self, seconds: float | None = None) -> None:
        """Allow *seconds* (default 20) and one answer's size for what follows."""
        self._reader.begin(seconds)

    def open(self, host: str = "", port: int = 993, timeout: float | None = None) -> None:
        """Connect to *host* and verify its certificate and its name."""
        self.host = host
        self.port = port
        plain = tcp_connect.dial(host, port, self._family, timeout=timeout)
        try:
            plain.settimeout(bounded_reader.READ)
            self.sock = self._context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        self._reader.attach(self.sock)

    def readline(self) -> bytes:
        """Return the next line."""
        return self._reader.readline()

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        return self._reader.read(size)

    def send(self, data: Any) -> None:
        """Send *data*."""
        self.sock.settimeout(bounded_reader.READ)
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self.sock.close()

    @property
    def family(self) -> int:
        """The address family that the connection came over."""
        return int(self.sock.family)

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers, such as ``XOAUTH2``."""
        return [clean(name.removeprefix("AUTH=")) for name in self.capabilities if name.startswith("AUTH=")]

    @property
    def offers_xoauth2(self) -> bool:
        """Does the server let anybody sign in with a token?"""
        return "AUTH=XOAUTH2" in self.capabilities

    def authenticate_with(self, user: str, token: str) -> tuple[str, list[Any]]:
        """
        Open the mailbox of *user* with *token* by XOAUTH2; return status and text as command() does.

        As on Microsoft's page "Authenticate an IMAP, POP or SMTP connection using OAuth". The token is sent once.
        """
        self._response = base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode())
        self._reader.hide(token.encode(), self._response)
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
        answers: list[Any] = self.untagged_responses.pop(kind, [])
        return answers

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
        """Answer a challenge of XOAUTH2: the first with the token, the JSON of an error with nothing, then cancel."""
        response, self._response = self._response, None
        if response is not None:
            return response
        if self.challenge:
            return b"*"
        self.challenge = challenge or b"="
        return b""
