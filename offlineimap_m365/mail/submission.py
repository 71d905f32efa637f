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
#: Replies: fine (RFC 5321 §4.2.3); those that may be others later (§4.2.1).
_FINE, _PASSING = 250, range(400, 500)


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
        """
        Sign in as *user* with an access token; raises SignInNeeded with what the server said, Temporary.

        In two lines: a command may have 512 characters (RFC 5321 §4.5.3.1.4) and Dovecot refuses one of 4,000; the
        answer to a 334 may have 12,288 (RFC 4954 §4).
        """
        responses = iter([self._xoauth2(user, token).decode(), ""])

        def respond(challenge: bytes) -> str:
            self.refusal = self.refusal or refusal(challenge)
            return next(responses, "*")

        self._user = user
        with self._translated():
            self._reader.begin()
            self.auth("XOAUTH2", respond, initial_response_ok=False)  # type: ignore[arg-type]  # typeshed: () -> str

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
            return self._reply(error)
        if isinstance(error, smtplib.SMTPServerDisconnected):
            before = error.__context__  # what smtplib hides
            is_network = isinstance(before, OSError) and not isinstance(before, smtplib.SMTPException)
            return super()._failure(before) if is_network else self._temporary("closed the connection")  # type: ignore[arg-type]
        if isinstance(error, smtplib.SMTPException):  # an OSError, too
            return self._temporary(f"sent something that is not SMTP ({type(error).__name__})")
        return super()._failure(error)

    def _reply(self, error: smtplib.SMTPResponseException) -> errors.M365Error:
        """Return the error for a reply: to a token a refusal, else one that may be another later or makes no sense."""
        code, text = error.smtp_code, error.smtp_error
        words = clean(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
        if code < 0:
            return self._temporary("sent something that is not SMTP")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            self.reply = f"{code} {words}"
            if code not in _PASSING:
                fact = f"{self.host} does not let {self._user} send mail ({self.reply})"
                return errors.SignInNeeded(fact, account=self.account, remedy=self._doctor())
        answer = f"answers {code}{f' {cited(words)}' if words else ''}"
        return self._temporary(answer, LATER, PAUSE if code in _PASSING else errors.Temporary.retry_after)
