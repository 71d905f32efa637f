"""
One IMAP connection to Exchange: sign-in in Exchange's words, then Dovecot's answers until the token dies.

The wording is from public logs of Exchange Online: greeting and CAPABILITY (mutt_oauth2.py, neomutt#2927), BYE
(email-oauth2-proxy), "User is authenticated but not connected." (M365-IMAP#8, imapsync's FAQ), "Request is throttled"
(imapsync#198).
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from .bearer import Bearer, read_xoauth2
from .rules import Rules, Session

if TYPE_CHECKING:
    from .wire import Wire

#: Seconds until Dovecot is asked again after a temporary failure, and until a session is looked at again.
_PAUSE = 0.2

_CAPABILITY = b"IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
_GREETING = b"* OK The Microsoft Exchange IMAP4 service is ready. [TABPADMANgA1AFAAMAAwADAAMAA=]\r\n"
_SESSION_ENDED = b"* BYE Session invalidated - AccessTokenExpired\r\n"
_GOODBYE = b"* BYE Microsoft Exchange Server IMAP4 server signing off.\r\n"
_ID = b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")\r\n'

#: Commands that need no mailbox, with the lines before their OK.
_ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY " + _CAPABILITY + b"\r\n",
    b"NOOP": b"",
    b"ID": _ID,
    b"LOGOUT": _GOODBYE,
}
_MESSAGE = re.compile(rb"\* \d+ FETCH [^\r\n]*(BODY|BINARY|RFC822)", re.IGNORECASE)
_CAPABILITY_CODE = re.compile(rb"\[CAPABILITY [^\]]*\] ?")


class Connection:
    """A mail program (*client*) and the Dovecot that answers it (*server*)."""

    def __init__(self, rules: Rules, client: Wire, server: Wire) -> None:
        """Make a connection that obeys *rules*."""
        self._rules = rules
        self._client = client
        self._server = server

    async def serve(self) -> None:
        """Serve until one side ends the connection."""
        await self._server.line()
        await self._client.send(_GREETING)
        bearer = await self._sign_in()
        if bearer and self._rules.throttled is not None:
            wait = b"%d milliseconds" % self._rules.throttled
            await self._answer_all_with(b"NO Request is throttled. Suggested Backoff Time: " + wait)
        elif bearer and self._rules.may_fetch(bearer.identity, bearer.user):
            await self._open(bearer)
        elif bearer:
            self._rules.refuse("mailbox", bearer)
            await self._answer_all_with(b"BAD User is authenticated but not connected.")

    async def _sign_in(self) -> Bearer | None:
        """Answer commands until one signs in; None if the client leaves before."""
        while words := (await self._client.command()).split(maxsplit=2):
            tag, verb, arguments = [*words, b"", b""][:3]
            if verb.upper() == b"AUTHENTICATE":
                if bearer := await self._authenticate(tag, *arguments.split()):
                    return bearer
            elif verb.upper() == b"LOGIN":
                self._rules.refuse("mechanism")
                await self._client.send(tag + b" NO LOGIN failed.\r\n")
            elif not await self._answer(tag, verb.upper(), b"BAD Command received in Invalid state."):
                return None
        return None

    async def _answer(self, tag: bytes, verb: bytes, otherwise: bytes) -> bool:
        """Answer one command, with *otherwise* if it needs a mailbox; return whether to go on."""
        before = _ANSWERS.get(verb)
        if before and not self._rules.offers_xoauth2:
            before = before.replace(b" AUTH=XOAUTH2", b" AUTH=PLAIN")
        end = otherwise if before is None else verb + b" completed."
        status = b"" if before is None else b"OK "
        await self._client.send((before or b"") + tag + b" " + status + end + b"\r\n")
        return verb != b"LOGOUT"

    async def _answer_all_with(self, otherwise: bytes) -> None:
        """Answer as Exchange does to a valid token that may not open this mailbox."""
        while words := (await self._client.command()).split(maxsplit=2):
            if not await self._answer(words[0], b"".join(words[1:2]).upper(), otherwise):
                return

    async def _authenticate(self, tag: bytes, mechanism: bytes = b"", initial: bytes = b"") -> Bearer | None:
        """Answer AUTHENTICATE, with or without an initial response (RFC 4959)."""
        bearer, reason = None, "mechanism"
        if mechanism.upper() == b"XOAUTH2":
            if not initial:
                await self._client.send(b"+ \r\n")
                initial = (await self._client.line()).strip()
            bearer, reason = await self._check(initial)
        if reason:
            self._rules.refuse(reason, bearer)
            await self._client.send(tag + b" NO AUTHENTICATE failed.\r\n")
            return None
        await self._client.send(tag + b" OK AUTHENTICATE completed.\r\n")
        return bearer

    async def _check(self, response: bytes) -> tuple[Bearer | None, str]:
        """Return the token and the reason of a refusal, which is empty if the token is good."""
        try:
            bearer = read_xoauth2(response)
        except ValueError:
            return None, "format"
        if self._rules.token_life_override is not None and self._rules.dies_at(bearer) <= time.time():
            return bearer, "dead"
        if self._rules.withdrawn(bearer):
            return bearer, "withdrawn"
        return bearer, "" if await accepts(self._server, response) else "token"

    async def _open(self, bearer: Bearer) -> None:
        """Pass everything on until the client or Dovecot hangs up or the token dies."""
        session = Session(bearer.user, bearer.sha256, time.time())
        self._rules.sessions.append(session)
        upload = asyncio.create_task(self._upload(session))
        download = asyncio.create_task(self._download())
        end, done, closed_by = self._rules.dies_at(bearer), set[asyncio.Task[None]](), "stop"
        try:
            while not done and (left := end - time.time()) > 0 and not self._rules.is_over(session):
                pause = min(left, _PAUSE)
                done, _ = await asyncio.wait({upload, download}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            closed_by = "client" if upload in done else "server" if done else "bye"
        finally:
            for task in (upload, download):
                task.cancel()
            await asyncio.gather(upload, download, return_exceptions=True)
            session.closed_by = session.closed_by or closed_by
        if closed_by == "bye":
            # Sent between two responses, since each is sent in one piece; it may be in the middle of a command.
            self._client.writer.write(_SESSION_ENDED)

    async def _upload(self, session: Session) -> None:
        """Pass on and count the client's commands."""
        goes_on = False
        while line := await self._client.line():
            words = line.split(maxsplit=2)
            if not goes_on and len(words) > 1:
                session.commands += 1
                if words[1].upper() == b"LOGOUT":
                    session.closed_by = "client"
            await self._server.send(line)
            goes_on = await self._client.pass_literal(line, self._server)

    async def _download(self) -> None:
        """Pass on Dovecot's responses, with Exchange's capabilities, messages at the speed that the rules set."""
        while unit := await self._server.unit():
            if _MESSAGE.match(unit) and self._rules.slow_seconds:
                await asyncio.sleep(self._rules.slow_seconds)
            await self._client.send(_translate(unit))


async def accepts(server: Wire, response: bytes) -> bool:
    """Return whether Dovecot (*server*) signs in *response* of XOAUTH2: signature, issuer and times are good."""
    answer = b"[UNAVAILABLE]"
    while b"[UNAVAILABLE]" in answer:  # a busy machine's "temporary authentication failure" says nothing of the token
        await server.send(b"A AUTHENTICATE XOAUTH2 " + response + b"\r\n")
        while (answer := await server.line()) and not answer.startswith(b"A "):
            if answer.startswith(b"+"):
                # The error in JSON (RFC 7628 §3.2.2), which Exchange does not send; an empty line acknowledges it.
                await server.send(b"\r\n")
        if b"[UNAVAILABLE]" in answer:
            await asyncio.sleep(_PAUSE)
    return answer.startswith(b"A OK")


def _translate(unit: bytes) -> bytes:
    """Replace Dovecot's capabilities in a response by Exchange's."""
    if unit.startswith(b"* CAPABILITY "):
        return _ANSWERS[b"CAPABILITY"]
    head, end, rest = unit.partition(b"\r\n")
    if b" OK [CAPABILITY " in head:
        head = _CAPABILITY_CODE.sub(b"", head)
    return head + end + rest
