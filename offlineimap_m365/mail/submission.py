"""
The server that mail is sent through: does it let somebody sign in? No mail is ever sent here.

What can go wrong has a type: Temporary, SignInNeeded, Misconfigured.
"""

from __future__ import annotations

import contextlib
import smtplib
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.mail import smtp
from offlineimap_m365.mail.server_text import cited, clean, reason, refusal
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

#: Replies that may be others later (RFC 5321 §4.2.1), and for how many seconds a busy server is left alone.
_PASSING = range(400, 500)
_PAUSE = 60.0


class Submission:
    """
    A connection to *host* on behalf of *account*; as a context manager it leaves at the end.

    *refusal* is what the server said of a token that it did not take, as far as that was JSON (XOAUTH2).
    """

    def __init__(self, host: str, port: int, account: str, family: int = 0) -> None:
        """
        Connect within a bounded time, over one address *family* (socket.AF_INET) if it is given.

        Raises Temporary if that fails now, Misconfigured for certificates that are not there.
        """
        self.host = host
        self.account = account
        self.refusal: dict[str, str] = {}
        context = trusted_certificates.context()
        with self._understood():
            self._connection = smtp.Connection(host, port, context, family)

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the server."""
        self._connection.leave()

    @property
    def offers_starttls(self) -> bool:
        """Can the connection be made secure?"""
        return self._connection.offers_starttls

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers now, such as ``XOAUTH2``."""
        return [clean(name) for name in self._connection.mechanisms]

    @property
    def offers_xoauth2(self) -> bool:
        """Can one sign in here with a token, and is it safe to?"""
        return self._connection.offers_xoauth2

    def secure(self) -> None:
        """Begin TLS, verified; raises Temporary."""
        with self._understood():
            self._connection.secure()

    def sign_in(self, user: str, token: str) -> None:
        """Sign in as *user* with an access token; raises SignInNeeded with what the server said, Temporary."""
        with self._understood():
            code, text = self._connection.sign_in(user, token)
        if code == smtp.SIGNED_IN:
            return
        self.refusal = refusal(self._connection.refusal)
        if code in _PASSING or code < 0:
            raise self._passing(code, text)
        raise errors.SignInNeeded(
            f"{self.host} does not let {user} send mail ({code} {clean(text)})",
            account=self.account,
            remedy=f"Run: {errors.COMMAND} doctor {errors.quoted(self.account)}",
        )

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """Turn whatever comes out of the network into an error with a type."""
        try:
            yield
        except errors.M365Error:
            raise
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
            raise self._passing(error.smtp_code, text) from None
        except smtplib.SMTPServerDisconnected as error:
            before = error.__context__  # what smtplib hides
            hidden = isinstance(before, OSError) and not isinstance(before, smtplib.SMTPException)
            raise self._unreachable(reason(before) if hidden else "hung up") from None  # type: ignore[arg-type]
        except smtplib.SMTPException as error:  # an OSError, too
            raise self._unreachable(f"sent something that is not SMTP ({type(error).__name__})") from None
        except OSError as error:
            raise self._unreachable(reason(error)) from None
        except Exception as error:  # noqa: BLE001 - smtplib takes for granted that a server keeps to the grammar
            raise self._unreachable(f"sent something that is not SMTP ({type(error).__name__})") from None

    def _passing(self, code: int, text: str) -> errors.Temporary:
        """Return the error for a reply that may be another one later, or that makes no sense."""
        if code < 0:
            return self._unreachable("sent something that is not SMTP")
        found = self._unreachable(f"answers {code}{f' {cited(text)}' if clean(text) else ''}", "Try again later")
        found.retry_after = _PAUSE if code in _PASSING else errors.Temporary.retry_after
        return found

    def _unreachable(self, what: str, remedy: str = "Check the network and try again") -> errors.Temporary:
        return errors.Temporary(f"{self.account}: {self.host} {what}", account=self.account, remedy=remedy)
