"""The thread that serves Exchange's own sockets: IMAP over TLS, and submission."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

from .connection import Connection, accepts
from .outbox import Outbox
from .wire import LIMIT, Wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from .rules import Rules


class Loopback:
    """Listens from the beginning, so that its ports are known, and answers once it is started."""

    def __init__(self, rules: Rules, tls: ssl.SSLContext, ports: tuple[int, int]) -> None:
        """Take the *ports* of IMAP and SMTP at 127.0.0.1 (0: any free one)."""
        self._rules = rules
        self._tls = tls
        self.outbox = Outbox(rules, tls, self._is_valid)
        self._imap, self._smtp = (socket.create_server(("127.0.0.1", port)) for port in ports)
        self.imap_port, self.smtp_port = (listener.getsockname()[1] for listener in (self._imap, self._smtp))
        self._servers: dict[str, asyncio.AbstractServer] = {}
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)

    def start(self, dovecot: tuple[str, int]) -> None:
        """Begin to answer, with the *dovecot* at this address."""
        self._dovecot = dovecot
        self._thread.start()

    def block(self, what: str) -> None:
        """Stop listening at the port of *what* (``imap`` or ``smtp``)."""
        self._loop.call_soon_threadsafe(self._servers[what].close)
        self._finish()

    def unblock(self, what: str) -> None:
        """Listen there again."""
        port = self.imap_port if what == "imap" else self.smtp_port
        listener = socket.create_server(("127.0.0.1", port))
        asyncio.run_coroutine_threadsafe(self._listen(what, listener), self._loop).result()

    def _finish(self) -> None:
        """Wait until the loop has done what it was told."""

        async def nothing() -> None:
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(nothing(), self._loop).result()

    async def _listen(self, what: str, listener: socket.socket) -> None:
        if what == "imap":
            made = await asyncio.start_server(self._take_imap, sock=listener, ssl=self._tls, limit=LIMIT)
        else:
            made = await self._loop.create_server(lambda: self.outbox.protocol(self._loop), sock=listener)
        self._servers[what] = made

    def stop(self) -> None:
        """End all connections and listeners."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
        for listener in (self._imap, self._smtp):
            listener.close()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        await self._listen("imap", self._imap)
        await self._listen("smtp", self._smtp)
        await self._ended.wait()
        for server in self._servers.values():
            server.close()
        self.outbox.hang_up()
        await self._end_conversations()
        # What was cut off is closed in the loop's next turns, in which a TLS handshake may still end in a conversation.
        await asyncio.sleep(0.01)
        await self._end_conversations()
        await asyncio.sleep(0.01)

    @staticmethod
    async def _end_conversations() -> None:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.sleep(0)  # one that has not begun yet could not hang up
            # Once to end the conversations, again to end the farewells.
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=0.2)

    async def _take_imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._ended.is_set():
            writer.transport.abort()
            return

        async def talk(client: Wire, server: Wire) -> None:
            await Connection(self._rules, client, server).serve()

        await self._held(_join(Wire(reader, writer), self._dovecot, talk))

    async def _is_valid(self, response: bytes) -> bool:
        """Return whether Dovecot accepts the token in *response* of XOAUTH2."""
        server = Wire(*await asyncio.open_connection(*self._dovecot, limit=LIMIT))
        try:
            await server.line()
            return await accepts(server, response)
        finally:
            server.cut()

    async def _held(self, conversation: Awaitable[None]) -> None:
        """Wait for a *conversation*, whose task nobody else need hold (asyncio.create_task, "Save a reference")."""
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await conversation
        finally:
            self._tasks.discard(task)


async def _join(client: Wire, address: tuple[str, int], talk: Callable[[Wire, Wire], Awaitable[None]]) -> None:
    """Connect *client* with the server at *address*; when one closes, close the other."""
    wires = [client]
    try:
        wires.append(Wire(*await asyncio.open_connection(*address, limit=LIMIT)))
        await talk(*wires)
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        try:
            await asyncio.gather(*(wire.close() for wire in wires))
        finally:  # also if this was interrupted before a farewell could begin
            for wire in wires:
                wire.cut()
