"""Submission as Exchange Online offers it, by aiosmtpd: STARTTLS, then XOAUTH2; what is sent stays here."""

from __future__ import annotations

import base64
import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP, AuthResult

from .rules import read_xoauth2

if TYPE_CHECKING:
    import asyncio
    import ssl

    from aiosmtpd.smtp import Envelope
    from aiosmtpd.smtp import Session as Dialogue

    from .rules import Rules

# aiosmtpd 1.4.6 warns of its own use of Session.login_data, once a mail.
logging.getLogger("mail.log").setLevel(logging.ERROR)

#: The longest line in bytes: Exchange takes a whole token beside AUTH.
_LIMIT = 1 << 16
_REFUSED = "535 5.7.3 Authentication unsuccessful [AM0PR06CA0126.eurprd06.prod.outlook.com]"
#: What Exchange Online answers to users whose mailbox may not send by SMTP (email-oauth2-proxy#193).
_SENDING_IS_OFF = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
    " Visit https://aka.ms/smtp_auth_disabled for more information. [AM0PR06CA0126.eurprd06.prod.outlook.com]"
)


@dataclass(frozen=True)
class SentMessage:
    """A message that was sent: whose mailbox sent it (*user*), and its envelope."""

    user: str
    sender: str
    recipients: tuple[str, ...]
    data: bytes


class _Submission(SMTP):
    """aiosmtpd with lines as long as Exchange's."""

    line_length_limit = _LIMIT


class Outbox:
    """
    Accept mail from users who sign in with a token.

    Microsoft documents AUTH with the token in the same line and in the next one ("Authenticate an IMAP, POP or SMTP
    connection using OAuth").
    """

    def __init__(self, rules: Rules, tls: ssl.SSLContext) -> None:
        """Make an empty outbox; *rules* say who may send."""
        self.sent: list[SentMessage] = []
        self._rules = rules
        self._tls = tls
        self._connections: list[SMTP] = []

    def protocol(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        """Return the server side of one connection."""
        connection = _Submission(
            self,
            tls_context=self._tls,
            require_starttls=True,
            auth_required=True,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            hostname="localhost",
            loop=loop,
        )
        connection.command_size_limits = defaultdict(lambda: _LIMIT)
        self._connections.append(connection)
        return connection

    def hang_up(self) -> None:
        """End all connections."""
        for connection in self._connections:
            if connection.transport:
                connection.transport.close()

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802  aiosmtpd's name
        """Check the token in this line or the next (RFC 4954 §4)."""
        if len(arguments) > 1:
            response = arguments[1].encode()
        elif isinstance(answer := await server.challenge_auth(""), bytes):
            response = base64.b64encode(answer)
        else:
            return AuthResult(success=False)  # aiosmtpd has answered
        try:
            bearer = read_xoauth2(response)
        except ValueError:
            return AuthResult(success=False, handled=False, message=_REFUSED)
        if bearer.user.lower() in self._rules.smtp_off:
            return AuthResult(success=False, handled=False, message=_SENDING_IS_OFF)
        is_valid = self._rules.is_genuine(bearer)
        user = bearer.user.lower() if self._rules.may_open(bearer.identity, bearer.user) else ""
        return AuthResult(success=is_valid, handled=False, message=None if is_valid else _REFUSED, auth_data=user)

    async def handle_DATA(self, _server: SMTP, dialogue: Dialogue, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Keep one message of a user whose token opens the mailbox."""
        if not dialogue.auth_data:
            return "530 5.7.57 Client not authenticated to send mail."
        envelope_of_user = (dialogue.auth_data, envelope.mail_from or "", tuple(envelope.rcpt_tos))
        self.sent.append(SentMessage(*envelope_of_user, envelope.content))
        return "250 2.0.0 OK"
