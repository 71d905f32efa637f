"""The thread in which Exchange's own sockets live: IMAP over TLS, submission, and the outbox behind Dovecot."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

from .connection import Connection
from .submission import Submission
from .wire import LIMIT, Wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from .outbox import Outbox
    from .rules import Rules


class Loopback:
    """Listens from the beginning, so that its ports are known, and answers once it is started."""

    def __init__(self, rules: Rules, tls: ssl.SSLContext, outbox: Outbox, ports: tuple[int, int]) -> None:
        """Take the *ports* of IMAP and SMTP at 127.0.0.1 (0: any free one), and one for the outbox."""
        self._rules = rules
        self._tls = tls
        self._outbox = outbox
        self._imap, self._smtp, self._relay = (socket.create_server(("127.0.0.1", port)) for port in (*ports, 0))
        self.imap_port, self.smtp_port, self.relay_port = (
            listener.getsockname()[1] for listener in (self._imap, self._smtp, self._relay)
        )
        self._servers: dict[str, asyncio.AbstractServer] = {}
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)

    def start(self, dovecot_imap: tuple[str, int], dovecot_smtp: tuple[str, int]) -> None:
        """Begin to answer, with the Dovecot at these addresses."""
        self._dovecot_imap = dovecot_imap
        self._dovecot_smtp = dovecot_smtp
        self._thread.start()

    def open_nothing_at(self, address: str) -> None:
        """Listen for IMAP at another *address*, too, where tokens are taken and no mailbox opens."""
        listener = socket.create_server((address, self.imap_port))
        asyncio.run_coroutine_threadsafe(self._listen("nothing", listener), self._loop).result()

    def block(self, what: str) -> None:
        """Let nobody listen at the port of *what* (``imap`` or ``smtp``) any more."""
        self._loop.call_soon_threadsafe(self._servers[what].close)
        self._finish()

    def unblock(self, what: str) -> None:
        """Listen there again."""
        port = self.imap_port if what == "imap" else self.smtp_port
        listener = socket.create_server(("127.0.0.1", port))
        asyncio.run_coroutine_threadsafe(self._listen(what, listener), self._loop).result()

    def _finish(self) -> None:
        """Wait for what the loop was told to do."""

        async def nothing() -> None:
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(nothing(), self._loop).result()

    async def _listen(self, what: str, listener: socket.socket) -> None:
        if what in ("imap", "nothing"):
            take = self._take_imap if what == "imap" else self._take_and_open_nothing
            made = await asyncio.start_server(take, sock=listener, ssl=self._tls, limit=LIMIT)
        else:
            made = await asyncio.start_server(self._take_smtp, sock=listener, limit=LIMIT)
        self._servers[what] = made

    def stop(self) -> None:
        """End all connections and listeners."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
        for listener in (self._imap, self._smtp, self._relay):
            listener.close()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        await self._listen("imap", self._imap)
        await self._listen("smtp", self._smtp)
        relay = await self._loop.create_server(lambda: self._outbox.protocol(self._loop), sock=self._relay)
        await self._ended.wait()
        for server in (*self._servers.values(), relay):
            server.close()
        self._outbox.hang_up()
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

    async def _take_and_open_nothing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._take_imap(reader, writer, opens=False)

    async def _take_imap(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, opens: bool = True
    ) -> None:
        if self._ended.is_set():
            writer.transport.abort()
            return

        async def talk(client: Wire, server: Wire) -> None:
            await Connection(self._rules, client, server, opens=opens).serve()

        await self._held(_join(Wire(reader, writer), self._dovecot_imap, talk))

    async def _take_smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._ended.is_set():
            writer.transport.abort()
            return

        async def talk(client: Wire, server: Wire) -> None:
            await Submission(self._rules, self._tls, client, server).serve()

        await self._held(_join(Wire(reader, writer), self._dovecot_smtp, talk))

    async def _held(self, conversation: Awaitable[None]) -> None:
        """Wait for a *conversation*, whose task nobody else need hold (asyncio.create_task, "Save a reference")."""
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await conversation
        finally:
            self._tasks.discard(task)


async def _join(client: Wire, address: tuple[str, int], talk: Callable[[Wire, Wire], Awaitable[None]]) -> None:
    """Let *client* and the server at *address* talk; when one hangs up, so does the other."""
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
