"""
The server that mail is sent through: does it let somebody sign in? No mail is ever sent here.

Raises Temporary, SignInNeeded and Misconfigured only.
"""

from __future__ import annotations

import smtplib

from offlineimap_m365.base import errors
from offlineimap_m365.mail import smtp
from offlineimap_m365.mail.mail_server import LATER, PAUSE, MailServer
from offlineimap_m365.mail.server_text import cited, clean, refusal
from offlineimap_m365.provider import trusted_certificates

#: Replies that may be others later (RFC 5321 §4.2.1).
_PASSING = range(400, 500)


class Submission(MailServer, smtp.Connection):
    """A connection to *host* on behalf of *account*."""

    protocol = "SMTP"

    def __init__(self, host: str, port: int, account: str, family: int = 0) -> None:
        """
        Connect over one address *family* (socket.AF_INET) or any.

        Raises Temporary if that fails, Misconfigured for certificates that are not there.
        """
        MailServer.__init__(self, host, account)
        context = trusted_certificates.context()
        with self._translated():
            smtp.Connection.__init__(self, host, port, context, family)

    def __exit__(self, *_: object) -> None:
        """Leave the server."""
        self.leave()

    def secure(self) -> None:
        """Begin TLS, verified."""
        with self._translated():
            super().secure()

    def sign_in(self, user: str, token: str) -> None:
        """Sign in as *user* with an access token; raises SignInNeeded with what the server said, Temporary."""
        with self._translated():
            code, text = self.authenticate(user, token)
        if code == smtp.SIGNED_IN:
            return
        self.refusal, self.reply = refusal(self.challenge), f"{code} {clean(text)}"
        if code in _PASSING or code < 0:
            raise self._reply(code, text)
        raise errors.SignInNeeded(
            f"{self.host} does not let {user} send mail ({self.reply})",
            account=self.account,
            remedy=self._doctor(),
        )

    def _failure(self, error: Exception) -> errors.M365Error:
        if isinstance(error, smtplib.SMTPResponseException):
            text = error.smtp_error
            return self._reply(error.smtp_code, text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
        if isinstance(error, smtplib.SMTPServerDisconnected):
            before = error.__context__  # what smtplib hides
            is_network = isinstance(before, OSError) and not isinstance(before, smtplib.SMTPException)
            return super()._failure(before) if is_network else self._temporary("hung up")  # type: ignore[arg-type]
        if isinstance(error, smtplib.SMTPException):  # an OSError, too
            return self._temporary(f"sent something that is not SMTP ({type(error).__name__})")
        return super()._failure(error)

    def _reply(self, code: int, text: str) -> errors.Temporary:
        """Return the error for a reply that may be another one later, or that makes no sense."""
        if code < 0:
            return self._temporary("sent something that is not SMTP")
        answer = f"answers {code}{f' {cited(text)}' if clean(text) else ''}"
        return self._temporary(answer, LATER, PAUSE if code in _PASSING else errors.Temporary.retry_after)
