"""
What a mailbox and a submission server share: whose connection it is, and which error a failure becomes.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.mail.server_text import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

#: Seconds for which a busy server that names no time is left alone.
PAUSE = 60.0
AGAIN = errors.Remedy("Check the network, then try again")
LATER = errors.Remedy("Try again later")


class MailServer:
    """
    A connection to *host* on behalf of *account*; as a context manager it says goodbye at the end.

    *refusal* is what the server said of a token that it refused, as far as that was JSON (XOAUTH2); *reply* is what an
    SMTP server answered to a sign-in that it refused.
    """

    #: What the server should speak.
    protocol = ""

    def __init__(self, host: str, account: str) -> None:
        """Connect to nothing yet."""
        self.host = host
        self.account = account
        self.refusal: dict[str, str] = {}
        self.reply = ""

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn whatever comes out of the network or the library into an error of ours."""
        try:
            yield
        except errors.M365Error:
            raise
        except Exception as error:  # noqa: BLE001 - imaplib and smtplib expect that a server follows the grammar
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> errors.M365Error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._temporary(reason(error), self._doctor())
        if isinstance(error, OSError):
            return self._temporary(reason(error))
        return self._temporary(f"sent something that is not {self.protocol} ({type(error).__name__})")

    def _temporary(
        self, event: str, remedy: errors.Remedy = AGAIN, wait: float = errors.Temporary.retry_after
    ) -> errors.Temporary:
        error = errors.Temporary(f"{self.account}: {self.host} {event}", account=self.account, remedy=remedy)
        error.retry_after = wait
        return error

    def _doctor(self, options: str = "") -> errors.Remedy:
        return errors.Remedy("", f"{errors.COMMAND} doctor {errors.quoted(self.account)}{options}")
