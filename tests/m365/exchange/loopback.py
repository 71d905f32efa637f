"""The thread that serves Exchange's own sockets: IMAP over TLS, and submission."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

from .connection import LIMIT, Connection
from .dovecot import Dovecot
from .outbox import Outbox
from .rules import Rules

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from pathlib import Path

    import trustme
    from typing_extensions import Self


class Loopback(Rules):
    """
    Listens at 127.0.0.1 from the beginning, so that its ports are known, and answers while it is entered.

    After that *sessions* and *outbox* (what was sent, oldest first) stay readable.
    """

    host = "localhost"

    def __init__(
        self,
        directory: Path,
        ca: trustme.CA,
        *,
        issuers: Sequence[str],
        keys: Mapping[str, bytes],
        ports: tuple[int, int] = (0, 0),
        names: Sequence[str] = (),
    ) -> None:
        """
        Keep files in *directory*, show a certificate of *ca*, and take the *ports* of IMAP and SMTP (0: any free one).

        *names*: further names in its certificate.
        """
        super().__init__(issuers, keys)
        directory.mkdir(parents=True, exist_ok=True)
        self._dovecot = Dovecot(directory)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # The common name is for OfflineIMAP, which looks at nothing else in some builds.
        certificate = ca.issue_cert("localhost", "127.0.0.1", *names, common_name=(*names, "localhost")[0])
        certificate.configure_cert(self._tls)
        self._submission = Outbox(self, self._tls)
        self.outbox = self._submission.sent
        pairs = zip(("imap", "smtp"), ports, strict=True)
        self._listeners = {what: socket.create_server(("127.0.0.1", port)) for what, port in pairs}
        self.imap_port, self.smtp_port = (listener.getsockname()[1] for listener in self._listeners.values())
        self._servers: list[asyncio.AbstractServer] = []
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="exchange", daemon=True)

    def __enter__(self) -> Self:
        """Start it; it answers when this returns."""
        self._thread.start()
        for what, listener in self._listeners.items():
            self._run(self._listen(what, listener))
        return self

    def stop(self, *_: object) -> None:
        """End every process, connection and listener, which can have been ended before."""
        if self._thread.is_alive():
            self._run(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        for listener in self._listeners.values():
            listener.close()

    __exit__ = stop

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* in the loop and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self, what: str, listener: socket.socket) -> None:
        if what == "imap":
            made = await asyncio.start_server(self._take_imap, sock=listener, ssl=self._tls, limit=LIMIT)
        else:
            made = await self._loop.create_server(lambda: self._submission.protocol(self._loop), sock=listener)
        self._servers.append(made)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        self._submission.hang_up()
        # A task that has not begun could not close what it holds, and a TLS handshake may still end in one.
        for _ in range(3):
            await asyncio.sleep(0.01)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())  # nobody else holds it (asyncio.create_task, "Save a reference")
        await Connection(self, self._dovecot, reader, writer).serve()
