"""The thread that serves Exchange's own sockets: IMAP over TLS, and submission."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from tests.m365.loop_thread import LoopThread

from .connection import LIMIT, Connection
from .outbox import Outbox

if TYPE_CHECKING:
    import ssl

    from .dovecot import Dovecot
    from .rules import Rules


class Loopback:
    """Listens from the beginning, so that its *ports* are known, and answers once it is started."""

    def __init__(self, rules: Rules, dovecot: Dovecot, tls: ssl.SSLContext, ports: tuple[int, int]) -> None:
        """Take the *ports* of IMAP and SMTP at 127.0.0.1 (0: any free one)."""
        self._rules = rules
        self._dovecot = dovecot
        self._tls = tls
        self.outbox = Outbox(rules, tls)
        pairs = zip(("imap", "smtp"), ports, strict=True)
        self._listeners = {what: socket.create_server(("127.0.0.1", port)) for what, port in pairs}
        self.ports: dict[str, int] = {what: found.getsockname()[1] for what, found in self._listeners.items()}
        self._servers: dict[str, asyncio.AbstractServer] = {}
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._thread = LoopThread("exchange")

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        for what, listener in self._listeners.items():
            self._thread.run(self._listen(what, listener))

    def stop(self) -> None:
        """End all connections and listeners, which can have been ended before."""
        if self._servers:
            self._thread.run(self._end())
        self._thread.stop()
        for listener in self._listeners.values():
            listener.close()

    def block(self, what: str) -> None:
        """Stop listening at the port of *what* (``imap`` or ``smtp``)."""
        self._thread.run(self._close(what))

    def unblock(self, what: str) -> None:
        """Listen there again."""
        self._thread.run(self._listen(what, socket.create_server(("127.0.0.1", self.ports[what]))))

    async def _listen(self, what: str, listener: socket.socket) -> None:
        if what == "imap":
            made = await asyncio.start_server(self._take_imap, sock=listener, ssl=self._tls, limit=LIMIT)
        else:
            made = await self._thread.loop.create_server(lambda: self.outbox.protocol(self._thread.loop), sock=listener)
        self._servers[what] = made

    async def _close(self, what: str) -> None:
        self._servers[what].close()

    async def _end(self) -> None:
        for what in self._servers:
            await self._close(what)
        self._servers.clear()
        self.outbox.hang_up()

    async def _take_imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())  # nobody else holds it (asyncio.create_task, "Save a reference")
        await Connection(self._rules, self._dovecot, reader, writer).serve()
