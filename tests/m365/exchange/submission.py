"""
One submission connection to Exchange: TLS and the sign-in here, all that follows by Dovecot.

Microsoft documents AUTH with the token in the same line, too ("Authenticate an IMAP, POP or SMTP connection using
OAuth"), and neomutt, aerc and Emacs send it so. Dovecot's login refuses a line of 1,024 characters (roundcube#8623,
PHPMailer#3169), so the token reaches it in a line of its own, which may be longer (RFC 4954 §4).
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from .bearer import read_xoauth2
from .wire import LIMIT, Wire

if TYPE_CHECKING:
    import ssl

    from .rules import Rules

_READY = b"220 2.0.0 SMTP server ready\r\n"
_NOT_YET = b"530 5.7.0 Must issue a STARTTLS command first.\r\n"
#: What Exchange Online says to whoever may not send (email-oauth2-proxy#193).
_SENDING_IS_OFF = (
    b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
    b" Visit https://aka.ms/smtp_auth_disabled for more information. [AM0PR06CA0126.eurprd06.prod.outlook.com]\r\n"
)
#: What EHLO's reply does not offer before TLS, and what it does not offer after it.
_AUTH, _STARTTLS = re.compile(rb"(?m)^250-AUTH [^\r\n]*\r\n"), re.compile(rb"(?m)^250-STARTTLS\r\n")


class Submission:
    """A mail program (*client*) and the Dovecot that answers it (*server*), which takes this machine for secure."""

    def __init__(self, rules: Rules, tls: ssl.SSLContext, client: Wire, server: Wire) -> None:
        """Make a connection that obeys *rules* and can be secured with *tls*."""
        self._rules = rules
        self._tls = tls
        self._client = client
        self._server = server
        self._is_secure = False

    async def serve(self) -> None:
        """Talk until one side ends it."""
        try:
            if await self._sign_in():
                await self._pass_both_ways()
        finally:
            if self._is_secure:
                await self._client.close()

    async def _sign_in(self) -> bool:
        """Pass one command and one reply at a time until the client is signed in; False if it left before."""
        await self._client.send(await self._reply())
        while line := await self._client.line():
            verb, *words = [*line.split(), b""]
            if verb.upper() == b"STARTTLS":
                await self._secure()
            elif verb.upper() == b"AUTH" and not self._is_secure:
                await self._client.send(_NOT_YET)
            elif await self._ask(line, verb.upper(), words[:-1]):
                return True
        return False

    async def _ask(self, line: bytes, verb: bytes, words: list[bytes]) -> bool:
        """Pass one command on, and its reply back; say whether it signed the client in."""
        if verb == b"AUTH" and len(words) > 1:
            await self._server.send(b"AUTH " + words[0] + b"\r\n")
            await self._reply()
            line = words[1] + b"\r\n"
        is_off = self._is_off(line)
        await self._server.send(b"*\r\n" if is_off else line)
        reply = await self._reply()
        if is_off:
            reply = _SENDING_IS_OFF
        if verb == b"EHLO":
            reply = (_STARTTLS if self._is_secure else _AUTH).sub(b"", reply)
        await self._client.send(reply)
        return reply.startswith(b"235")

    def _is_off(self, line: bytes) -> bool:
        """Say whether *line* signs somebody in who may not send by programs."""
        try:
            return read_xoauth2(line.strip()).user.lower() in self._rules.smtp_off
        except ValueError:
            return False

    async def _reply(self) -> bytes:
        """Return a whole reply of Dovecot (RFC 5321 §4.2.1)."""
        reply = line = await self._server.line()
        while line[3:4] == b"-":
            line = await self._server.line()
            reply += line
        return reply

    async def _secure(self) -> None:
        """Go on over TLS, in a way that Python 3.10 knows as well."""
        await self._client.send(_READY)
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await loop.start_tls(self._client.writer.transport, protocol, self._tls, server_side=True)
        if transport is None:
            raise ConnectionResetError
        protocol.connection_made(transport)
        self._client = Wire(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        self._is_secure = True

    async def _pass_both_ways(self) -> None:
        client, server = self._client, self._server
        ways = [asyncio.create_task(way) for way in (client.pass_all(server), server.pass_all(client))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
