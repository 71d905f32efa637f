"""
One SMTP connection for submission, bounded in time and in size, with a token over TLS only. It sends no mail.

smtplib parses the replies (RFC 5321 §4.2) and does STARTTLS. XOAUTH2 is the only way to sign in.
"""

from __future__ import annotations

import base64
import contextlib
import smtplib
from typing import TYPE_CHECKING, Any

from offlineimap_m365.mail import bounded_reader, tcp_connect
from offlineimap_m365.mail.server_text import clean

if TYPE_CHECKING:
    import socket
    import ssl

#: Bytes of one answer: an EHLO has a dozen short lines.
_LARGEST_ANSWER = 1 << 17
#: An address literal (RFC 5321 §4.1.3): looking up this machine's name may hang, and the server need not know it.
_MYSELF = "[127.0.0.1]"
#: Replies (RFC 5321 §4.2.3, RFC 3207 §4, RFC 4954 §6): fine; go on with the exchange; signed in; TLS may begin.
_FINE, _CONTINUE, SIGNED_IN, _READY = 250, 334, 235, 220


class Connection(smtplib.SMTP):
    """
    A connection to *host* that was greeted and told what the server can do; nothing secret is sent before secure().

    *challenge* is what the server said of a token that it refused, in JSON (XOAUTH2's second challenge), or nothing.
    Raises OSError, smtplib's errors, and whatever smtplib raises on garbage; Submission turns all of them into ours.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext, family: int = 0) -> None:
        """Connect over one address *family* or any."""
        self._context = context
        self._family = family
        self._reader = bounded_reader.BoundedReader(_LARGEST_ANSWER)
        self.is_secure = False
        self.challenge = b""
        super().__init__(host, port, local_hostname=_MYSELF)
        try:
            self._introduce()
        except BaseException:
            self.close()
            raise

    @property
    def offers_starttls(self) -> bool:
        """Can the connection be made secure?"""
        return self.has_extn("starttls")

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers now, such as ``XOAUTH2``."""
        return [clean(name) for name in self.esmtp_features.get("auth", "").upper().split()]

    @property
    def offers_xoauth2(self) -> bool:
        """Is the connection secure, and does the server let anybody sign in with a token?"""
        return self.is_secure and "XOAUTH2" in self.mechanisms

    def secure(self) -> None:
        """Begin TLS, verified; what the server said before counts no more (RFC 3207 §4.2)."""
        self._reader.begin()
        self.starttls(context=self._context)
        self.is_secure = True
        self._introduce()

    def hand_over(self) -> socket.socket:
        """Ask for TLS, and return the connection for somebody else to begin TLS on."""
        self._reader.begin()
        code, text = self.docmd("STARTTLS")
        if code != _READY:
            self.close()
            raise smtplib.SMTPResponseException(code, text)
        sock, self.sock = self.sock, None
        assert sock is not None  # noqa: S101 - it has just been read from
        return sock

    def authenticate(self, user: str, token: str) -> tuple[int, str]:
        """
        Sign in as *user* with *token* by XOAUTH2; return the reply's code and text.

        As on Microsoft's page "Authenticate an IMAP, POP or SMTP connection using OAuth", in two lines: a command may
        have 512 characters (RFC 5321 §4.5.3.1.4) and Dovecot refuses one of 4,000; the answer to a 334 may have 12,288
        (RFC 4954 §4). The token is sent once. Raises SMTPNotSupportedError if offers_xoauth2 is not.
        """
        if not self.offers_xoauth2:
            raise smtplib.SMTPNotSupportedError("no XOAUTH2 over TLS")
        response = base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode())
        self._reader.hide(token.encode(), response)
        self._reader.begin()
        code, text = self.docmd("AUTH", "XOAUTH2")
        if code == _CONTINUE:
            code, text = self.docmd(response.decode())
        if code == _CONTINUE:  # the JSON of an error, which an empty line acknowledges
            self.challenge = text
            code, text = self.docmd("")
        return code, text.decode("utf-8", "replace")

    def leave(self) -> None:
        """Leave the server, whatever it answers."""
        with contextlib.suppress(Exception):
            self._reader.begin(1.0)
            self.docmd("QUIT")
        self.close()

    def getreply(self) -> tuple[int, bytes]:
        """Return the next reply. smtplib forgets its file when TLS begins, and with it what came before."""
        if self.file is None:
            self._reader.attach(self.sock)
            self.file = self._reader
        return super().getreply()

    def _introduce(self) -> None:
        code, text = self.ehlo()
        if code != _FINE:
            raise smtplib.SMTPHeloError(code, text)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        """Connect; smtplib's own way waits for each address in turn."""
        del timeout
        plain = tcp_connect.dial(host, port, self._family)
        plain.settimeout(bounded_reader.READ)
        return plain
