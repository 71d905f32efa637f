"""
One SMTP connection for submission, bounded in time and in size whatever the server sends, with a token over TLS only.

The standard library's smtplib parses the replies (RFC 5321 §4.2) and does STARTTLS; what it reads goes through here. It
offers XOAUTH2 and no other way to sign in, and sends no mail.
"""

from __future__ import annotations

import base64
import contextlib
import smtplib
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.mail import tcp_connect
from offlineimap_m365.mail.server_text import Endless

if TYPE_CHECKING:
    import socket
    import ssl

#: Seconds for the next bytes, and for a command with what answers it (contract §5.7).
READ, WHOLE = 10.0, 20.0
#: Bytes of one answer: an EHLO has a dozen short lines.
_LARGEST_ANSWER = 1 << 17
_CHUNK = 1 << 13
#: An address literal (RFC 5321 §4.1.3): the name of this machine is nobody's business, and looking it up may hang.
_MYSELF = "[127.0.0.1]"
#: Replies (RFC 5321 §4.2.3, RFC 3207 §4, RFC 4954 §6): go on with the exchange; signed in; TLS may begin.
_CONTINUE, SIGNED_IN, _READY = 334, 235, 220


class Connection(smtplib.SMTP):
    """
    A connection to *host* that was greeted and told what the server can do; nothing secret is sent before secure().

    *refusal* is what the server said of a token that it did not take, in JSON (XOAUTH2's second challenge), or nothing.
    Raises OSError, smtplib's errors, and whatever smtplib makes of garbage: submission is the room that turns it all
    into errors of ours.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext, family: int = 0) -> None:
        """Connect, over one address *family* or any."""
        self._context = context
        self._family = family
        self._deadline = self._received = 0.0
        self._secrets: list[bytes] = []
        self.is_secure = False
        self.refusal = b""
        self.begin()
        super().__init__(host, port, local_hostname=_MYSELF)
        try:
            self._introduce()
        except BaseException:
            self.close()
            raise

    def begin(self, seconds: float = WHOLE) -> None:
        """Let what follows take *seconds* and one answer's size in all."""
        self._deadline = time.monotonic() + seconds
        self._received = 0

    @property
    def offers_starttls(self) -> bool:
        """Can the connection be made secure?"""
        return self.has_extn("starttls")

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers now, such as ``XOAUTH2``."""
        return self.esmtp_features.get("auth", "").upper().split()

    @property
    def offers_xoauth2(self) -> bool:
        """Can one sign in here with a token, and is it safe to?"""
        return self.is_secure and "XOAUTH2" in self.mechanisms

    def secure(self) -> None:
        """Begin TLS, verified; what the server said before counts no more (RFC 3207 §4.2)."""
        self.begin()
        self.starttls(context=self._context)
        self.is_secure = True
        self._introduce()

    def hand_over(self) -> socket.socket:
        """Ask for TLS, and return the connection as it is then, for somebody else to begin TLS on."""
        self.begin()
        code, text = self.docmd("STARTTLS")
        if code != _READY:
            self.close()
            raise smtplib.SMTPResponseException(code, text)
        found, self.sock = self.sock, None
        assert found is not None  # noqa: S101 - it has just been read from
        return found

    def sign_in(self, user: str, token: str) -> tuple[int, str]:
        """
        Sign in as *user* with *token* by XOAUTH2; return the reply's code and text.

        As on Microsoft's page "Authenticate an IMAP, POP or SMTP connection using OAuth", in two lines: a command may
        have 512 characters (RFC 5321 §4.5.3.1.4) and Dovecot refuses one of 4,000; what answers a 334 may have 12,288
        (RFC 4954 §4). The token is sent once. Raises SMTPNotSupportedError if offers_xoauth2 is not.
        """
        if not self.offers_xoauth2:
            raise smtplib.SMTPNotSupportedError("no XOAUTH2 over TLS")
        response = base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode())
        self._secrets = [token.encode(), response]
        self.begin()
        code, text = self.docmd("AUTH", "XOAUTH2")
        if code == _CONTINUE:
            code, text = self.docmd(response.decode())
        if code == _CONTINUE:  # the JSON of an error, which an empty line takes note of
            self.refusal = text
            code, text = self.docmd("")
        return code, text.decode("utf-8", "replace")

    def leave(self) -> None:
        """Take leave of the server, whatever it says to that."""
        with contextlib.suppress(Exception):
            self.begin(1.0)
            self.docmd("QUIT")
        self.close()

    def getreply(self) -> tuple[int, bytes]:
        """Return the next reply, read within the time that there is."""
        if self.file is None:
            self.file = _Lines(self)
        return super().getreply()

    def receive(self) -> bytes:
        """Return what the server sent, nothing at the end."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        assert self.sock is not None  # noqa: S101 - smtplib reads from a connection only
        self.sock.settimeout(min(READ, left))
        found = self.sock.recv(_CHUNK)
        self._received += len(found)
        if self._received > _LARGEST_ANSWER:
            raise Endless("an answer")
        return found

    def cleaned(self, line: bytes) -> bytes:
        """Return a *line* without the token that a server may repeat: this may be shown to somebody."""
        for secret in self._secrets:
            line = line.replace(secret, b"*" * len(secret))
        return line

    def _introduce(self) -> None:
        code, text = self.ehlo()
        if code != 250:  # noqa: PLR2004 - RFC 5321 §4.2.3
            raise smtplib.SMTPHeloError(code, text)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        """Connect; smtplib's own way looks at each address for as long as it takes."""
        del timeout
        plain = tcp_connect.dial(host, port, self._family)
        plain.settimeout(READ)
        return plain


class _Lines:
    """What smtplib reads replies from; it forgets one when TLS begins, with what was sent before (CVE-2011-0411)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def readline(self, limit: int) -> bytes:
        """Return the next line, or its first *limit* bytes, or what is left at the end."""
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            found = self._connection.receive()
            if not found:
                break
            self._buffer += found
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line = bytes(self._buffer[: min(end, limit)])
        del self._buffer[: len(line)]
        return self._connection.cleaned(line)

    def close(self) -> None:
        """Do nothing: the connection closes its socket."""
