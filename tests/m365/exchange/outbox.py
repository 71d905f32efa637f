"""Where sent mail ends: an SMTP server that keeps what Dovecot's submission service relays to it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

if TYPE_CHECKING:
    import asyncio

    from aiosmtpd.smtp import Envelope
    from aiosmtpd.smtp import Session as Dialogue

    from .rules import Rules

# aiosmtpd 1.4.6 warns of its own use of Session.login_data, once a mail.
logging.getLogger("mail.log").setLevel(logging.ERROR)


@dataclass(frozen=True)
class SentMessage:
    """A message that was sent: whose mailbox sent it (*user*), and its envelope."""

    user: str
    sender: str
    recipients: tuple[str, ...]
    data: bytes


class _Relay(SMTP):
    """Dovecot names the authenticated user in MAIL FROM (RFC 4954 §5), which aiosmtpd takes for a mistake."""

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        await super().smtp_MAIL(re.sub(r" AUTH=\S+", "", arg or ""))


class Outbox:
    """Takes mail from Dovecot, which names the mailbox as user and the token's identities as password."""

    def __init__(self, rules: Rules) -> None:
        """Make an empty outbox; *rules* say who may send as whom."""
        self.sent: list[SentMessage] = []
        self._rules = rules
        self._connections: list[SMTP] = []

    def protocol(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        """Return the server side of one connection."""
        connection = _Relay(
            self, authenticator=self._authenticate, auth_require_tls=False, hostname="localhost", loop=loop
        )
        self._connections.append(connection)
        return connection

    def hang_up(self) -> None:
        """End all connections."""
        for connection in self._connections:
            if connection.transport:
                connection.transport.close()

    async def handle_DATA(self, _server: SMTP, dialogue: Dialogue, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Keep one message."""
        user = dialogue.auth_data
        if not user:
            return "530 5.7.57 Client not authenticated to send mail."
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.sent.append(SentMessage(user, envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
        return "250 2.0.0 OK"

    def _authenticate(self, _server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user = data.login.decode()
        person, _, application = data.password.decode().partition("/")
        identity = person or application  # a token of an application has no upn (Microsoft: "Access tokens")
        return AuthResult(success=self._rules.may_open(identity, user), handled=False, auth_data=user)
