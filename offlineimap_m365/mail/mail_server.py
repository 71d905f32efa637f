"""
What a mailbox and a submission server share: the connection's limits, XOAUTH2, and which error a failure becomes.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.mail.bounded_socket import BoundedReader
from offlineimap_m365.mail.server_text import reason
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for which a busy server that names no time is left alone.
PAUSE = 60.0
AGAIN = errors.Remedy("Check the network, then try again")
LATER = errors.Remedy("Try again later")


class MailServer:
    """
    A connection to *address* (``host:port``) on behalf of *account*; as a context manager it says goodbye at the end.

    *refusal* is what the server said of a token that it refused, as far as that was JSON (XOAUTH2); *reply* is what an
    SMTP server answered to a sign-in that it refused.
    """

    #: What the server should speak, and the bytes that one answer may have.
    protocol, largest_answer = "", 0

    def __init__(self, address: str, account: str) -> None:
        """Connect to nothing yet. Raises Misconfigured for a wrong address, and if no certificates can be read."""
        self.host, self.port = split(address)
        self.account = account
        if not self.port:
            option = f"--{self.protocol.lower()} HOST:PORT"
            raise errors.Misconfigured(
                f"{account}: not the address of an {self.protocol} server: {address}",
                account=account,
                remedy=errors.Remedy("Name the server", f"{errors.login_command(account)} {option}"),
            )
        self.refusal: dict[str, str] = {}
        self.reply = ""
        self._context = trusted_certificates.context()
        self._reader = BoundedReader(self.largest_answer)

    @property
    def mechanisms(self) -> list[str]:
        """The ways to sign in that the server offers over TLS, such as ``XOAUTH2``."""
        return []

    @property
    def offers_xoauth2(self) -> bool:
        """Does the server let anybody sign in with a token?"""
        return "XOAUTH2" in self.mechanisms

    def _xoauth2(self, user: str, token: str) -> bytes:
        """
        Return what signs *user* in, before base64; from now on nothing that is read shows the token.

        As on Microsoft's page "Authenticate an IMAP, POP or SMTP connection using OAuth". Raises Misconfigured if the
        server offers no XOAUTH2: then it gets no token.
        """
        if not self.offers_xoauth2:
            again = f"{errors.login_command(self.account)} --{self.protocol.lower()} HOST:PORT"
            raise errors.Misconfigured(
                f"{self.account}: {self.host} does not let anybody sign in with a token (no AUTH=XOAUTH2)",
                account=self.account,
                remedy=errors.Remedy("If that is the wrong server, name the right one", again),
            )
        response = f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
        self._reader.hide(token.encode(), base64.b64encode(response))
        return response

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

    def _doctor(self, mailbox: str = "") -> errors.Remedy:
        """Return the command that examines the account, and *mailbox* if it is another one."""
        option = mailbox_option(self.account, mailbox)
        return errors.Remedy("", f"{errors.COMMAND} doctor {errors.quoted(self.account)}{option}")


def split(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; the port is 0 if that is no address of a server."""
    host, _, port = address.rpartition(":")
    is_port = bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 65536  # noqa: PLR2004 - 16 bits
    return host.strip("[]"), int(port) if is_port else 0


def mailbox_option(account: str, mailbox: str) -> str:
    """Return the option that names a *mailbox* other than the account's own, with a blank before it; else ""."""
    return "" if mailbox.lower() in ("", account.lower()) else f" --mailbox {errors.quoted(mailbox)}"
