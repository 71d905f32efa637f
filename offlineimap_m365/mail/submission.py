"""
The server that mail is sent through: does it let somebody sign in with a token over TLS? No mail is ever sent here.

smtplib parses the replies (RFC 5321 §4.2) and does STARTTLS. Raises Temporary, SignInNeeded and Misconfigured only.
"""

from __future__ import annotations

import contextlib
import smtplib
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.mail.mail_server import LATER, PAUSE, MailServer
from offlineimap_m365.mail.server_text import cited, clean, refusal

if TYPE_CHECKING:
    import socket

#: An address literal (RFC 5321 §4.1.3): looking up this machine's name may hang, and the server need not know it.
_MYSELF = "[127.0.0.1]"
#: Replies (RFC 5321 §4.2.3, RFC 4954 §6): fine; go on with the exchange; signed in.
_FINE, _CONTINUE, _SIGNED_IN = 250, 334, 235
#: Replies that may be others later (RFC 5321 §4.2.1).
_PASSING = range(400, 500)


class Submission(MailServer, smtplib.SMTP):
    """A connection to a server for sending that was greeted; nothing secret is sent before secure()."""

    #: An EHLO has a dozen short lines.
    protocol, largest_answer = "SMTP", 1 << 17

    def __init__(self, address: str, account: str) -> None:
        """Connect, in clear. Raises Temporary if that fails, Misconfigured as MailServer does."""
        MailServer.__init__(self, address, account)
        self._is_secure = False
        with self._translated():
            smtplib.SMTP.__init__(self, self.host, self.port, local_hostname=_MYSELF)
            self._introduce()

    def __exit__(self, *_: object) -> None:
        """Leave the server, whatever it answers."""
        with contextlib.suppress(Exception):
            self._reader.begin(1.0)
            self.docmd("QUIT")
        self.close()

    @property
    def offers_starttls(self) -> bool:
        """Can the connection be made secure?"""
        return self.has_extn("starttls")

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers over TLS, such as ``XOAUTH2``."""
        return [clean(name) for name in self.esmtp_features.get("auth", "").upper().split()] if self._is_secure else []

    def secure(self) -> None:
        """Begin TLS, verified; what the server said before counts no more (RFC 3207 §4.2)."""
        with self._translated():
            self._reader.begin()
            self.starttls(context=self._context)
            self._is_secure = True
            self._introduce()

    def sign_in(self, user: str, token: str) -> None:
        """Sign in as *user* with an access token; raises SignInNeeded with what the server said, Temporary."""
        response = self._xoauth2(user, token)
        with self._translated():
            code, text = self._authenticate(response)
        if code == _SIGNED_IN:
            return
        self.reply = f"{code} {clean(text)}"
        if code in _PASSING or code < 0:
            raise self._reply(code, text)
        raise errors.SignInNeeded(
            f"{self.host} does not let {user} send mail ({self.reply})",
            account=self.account,
            remedy=self._doctor(),
        )

    def _authenticate(self, response: bytes) -> tuple[int, str]:
        """
        Send *response*, once; return the reply's code and text.

        In two lines: a command may have 512 characters (RFC 5321 §4.5.3.1.4) and Dovecot refuses one of 4,000; the
        answer to a 334 may have 12,288 (RFC 4954 §4).
        """
        self._reader.begin()
        code, text = self.docmd("AUTH", "XOAUTH2")
        if code == _CONTINUE:
            code, text = self.docmd(response.decode())
        if code == _CONTINUE:  # the JSON of an error, which an empty line acknowledges
            self.refusal = refusal(text)
            code, text = self.docmd("")
        return code, text.decode("utf-8", "replace")

    def getreply(self) -> tuple[int, bytes]:
        """Return the next reply. smtplib forgets its file when TLS begins, and with it what came before."""
        if self.file is None:
            self._reader.attach(self.sock)
            self.file = self._reader
        return super().getreply()

    def _introduce(self) -> None:
        code, text = self.ehlo()
        if code != _FINE:
            self.close()
            raise smtplib.SMTPHeloError(code, text)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        """Connect; smtplib's own way waits for each address in turn."""
        del timeout
        return bounded_socket.dial(host, port)

    def _failure(self, error: Exception) -> errors.M365Error:
        if isinstance(error, smtplib.SMTPResponseException):
            text = error.smtp_error
            return self._reply(error.smtp_code, text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
        if isinstance(error, smtplib.SMTPServerDisconnected):
            before = error.__context__  # what smtplib hides
            is_network = isinstance(before, OSError) and not isinstance(before, smtplib.SMTPException)
            return super()._failure(before) if is_network else self._temporary("closed the connection")  # type: ignore[arg-type]
        if isinstance(error, smtplib.SMTPException):  # an OSError, too
            return self._temporary(f"sent something that is not SMTP ({type(error).__name__})")
        return super()._failure(error)

    def _reply(self, code: int, text: str) -> errors.Temporary:
        """Return the error for a reply that may be another one later, or that makes no sense."""
        if code < 0:
            return self._temporary("sent something that is not SMTP")
        answer = f"answers {code}{f' {cited(text)}' if clean(text) else ''}"
        return self._temporary(answer, LATER, PAUSE if code in _PASSING else errors.Temporary.retry_after)
