"""
One IMAP connection to Exchange: sign-in in Exchange's words, then Dovecot's answers until the token dies.

The wording is from public logs of Exchange Online: greeting and CAPABILITY (mutt_oauth2.py, neomutt#2927), BYE
(email-oauth2-proxy), "User is authenticated but not connected." (M365-IMAP#8, imapsync's FAQ).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING

from .rules import Bearer, Rules, Session, read_xoauth2

if TYPE_CHECKING:
    from .dovecot import Dovecot

#: Longer than any line of a test; asyncio's own limit of 64 kB is met by a FETCH of many flags.
LIMIT = 1 << 24
_CHUNK = 1 << 16

_CAPABILITY = b"IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
_GREETING = b"* OK The Microsoft Exchange IMAP4 service is ready. [TABPADMANgA1AFAAMAAwADAAMAA=]\r\n"
_SESSION_ENDED = b"* BYE Session invalidated - AccessTokenExpired\r\n"
#: Commands that need no mailbox, with the lines before their OK.
_ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY " + _CAPABILITY + b"\r\n",
    b"NOOP": b"",
    b"ID": b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")\r\n',
    b"LOGOUT": b"* BYE Microsoft Exchange Server IMAP4 server signing off.\r\n",
}
_MESSAGE = re.compile(rb"\* \d+ FETCH [^\r\n]*(BODY|BINARY|RFC822)", re.IGNORECASE)
#: RFC 3501 §4.3, at the end of a line.
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")


class Connection:
    """A mail program (*reader*, *writer*), and the *dovecot* that answers it once it has signed in."""

    def __init__(
        self, rules: Rules, dovecot: Dovecot, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Make a connection that obeys *rules*."""
        self._rules = rules
        self._dovecot = dovecot
        self._reader = reader
        self._writer = writer

    async def serve(self) -> None:
        """Serve until one side ends the connection."""
        try:
            await self._talk()
            self._writer.close()
            await asyncio.wait_for(self._writer.wait_closed(), 1)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            with contextlib.suppress(AttributeError):  # Python 3.11's, of a TLS transport that is closed already
                self._writer.transport.abort()

    async def _talk(self) -> None:
        await self._send(_GREETING)
        bearer = await self._sign_in()
        if bearer and self._rules.may_fetch(bearer.identity, bearer.user):
            await self._open(bearer)
        elif bearer:
            self._rules.refuse("mailbox", bearer)
            await self._answer_all_with(b"BAD User is authenticated but not connected.")

    async def _send(self, data: bytes) -> None:
        """Send *data* in one piece, all of it even if the task is cancelled here."""
        self._writer.write(data)
        await self._writer.drain()

    async def _sign_in(self) -> Bearer | None:
        """Answer commands until one signs in; None if the client leaves before."""
        while words := (await self._reader.readline()).split(maxsplit=2):
            tag, verb, arguments = [*words, b"", b""][:3]
            if verb.upper() == b"AUTHENTICATE":
                if bearer := await self._authenticate(tag, *arguments.split()):
                    return bearer
            elif verb.upper() == b"LOGIN":
                self._rules.refuse("mechanism")
                await self._send(tag + b" NO LOGIN failed.\r\n")
            elif not await self._answer(tag, verb.upper(), b"BAD Command received in Invalid state."):
                return None
        return None

    async def _answer(self, tag: bytes, verb: bytes, otherwise: bytes) -> bool:
        """Answer one command, with *otherwise* if it needs a mailbox; return whether to go on."""
        before = _ANSWERS.get(verb)
        end = otherwise if before is None else b"OK " + verb + b" completed."
        await self._send((before or b"") + tag + b" " + end + b"\r\n")
        return verb != b"LOGOUT"

    async def _answer_all_with(self, otherwise: bytes) -> None:
        """Answer as Exchange does to a valid token that may not open this mailbox."""
        while words := (await self._reader.readline()).split(maxsplit=2):
            if not await self._answer(words[0], b"".join(words[1:2]).upper(), otherwise):
                return

    async def _authenticate(self, tag: bytes, mechanism: bytes = b"", initial: bytes = b"") -> Bearer | None:
        """Answer AUTHENTICATE, with or without an initial response (RFC 4959)."""
        bearer, reason = None, "mechanism"
        if mechanism.upper() == b"XOAUTH2":
            if not initial:
                await self._send(b"+ \r\n")
                initial = (await self._reader.readline()).strip()
            bearer, reason = self._check(initial)
        if reason:
            self._rules.refuse(reason, bearer)
            await self._send(tag + b" NO AUTHENTICATE failed.\r\n")
            return None
        await self._send(tag + b" OK AUTHENTICATE completed.\r\n")
        return bearer

    def _check(self, response: bytes) -> tuple[Bearer | None, str]:
        """Return the token and the reason of a refusal, which is empty if the token is good."""
        try:
            bearer = read_xoauth2(response)
        except ValueError:
            return None, "format"
        if not self._rules.is_genuine(bearer):
            return bearer, "token"
        is_dead = self._rules.token_life_override is not None and self._rules.dies_at(bearer) <= time.time()
        return bearer, "dead" if is_dead else ""

    async def _open(self, bearer: Bearer) -> None:
        """Pass everything on until the client or Dovecot hangs up or the token dies."""
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        session = Session(bearer.user, bearer.sha256, lambda: loop.call_soon_threadsafe(ended.set))
        self._rules.sessions.append(session)
        is_dead = False
        with self._dovecot.imap(bearer.user) as connection:
            reader, writer = await asyncio.open_connection(sock=connection, limit=LIMIT)
            works = (self._upload(writer), self._download(reader), ended.wait())
            tasks: list[asyncio.Task[object]] = [asyncio.create_task(work) for work in works]
            try:
                life = self._rules.dies_at(bearer) - time.time()
                done, _ = await asyncio.wait(tasks, timeout=life, return_when=asyncio.FIRST_COMPLETED)
                is_dead = not done or ended.is_set()
            finally:
                writer.transport.abort()
                for task in tasks:
                    task.cancel()
                session.closed_by = "bye" if is_dead else "end"
                await asyncio.gather(*tasks, return_exceptions=True)
        if is_dead:
            # Sent between two responses, since each is sent in one piece; it may be in the middle of a command.
            self._writer.write(_SESSION_ENDED)

    async def _upload(self, server: asyncio.StreamWriter) -> None:
        """Pass on what the client sends."""
        while data := await self._reader.read(_CHUNK):
            server.write(data)
            await server.drain()

    async def _download(self, server: asyncio.StreamReader) -> None:
        """Pass on Dovecot's responses, with Exchange's capabilities, messages at the speed that the rules set."""
        await server.readline()  # its greeting
        while unit := await server.readline():
            while literal := _LITERAL.search(unit):
                unit += await server.readexactly(int(literal[1])) + await server.readline()
            if _MESSAGE.match(unit) and self._rules.slow_seconds:
                await asyncio.sleep(self._rules.slow_seconds)
            await self._send(_ANSWERS[b"CAPABILITY"] if unit.startswith(b"* CAPABILITY ") else unit)
