"""An HTTP proxy on loopback that connects Microsoft's host names to the look-alikes, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, final

from .loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Bytes taken at a time.
CHUNK = 65536


@final
class ConnectProxy:
    """
    A CONNECT proxy (RFC 9110 §9.3.6), serving while it is entered.

    *routes* say where ``host:port`` really leads (502 if nobody is there). All else, plain http included, is
    answered 403 and recorded in *refused*; what has a route is in *connected*. So a product runs with its
    default authority through ``HTTPS_PROXY``, and each request to another host is recorded.
    """

    def __init__(self, routes: Mapping[str, tuple[str, int]]) -> None:
        """Take a free port."""
        self.routes = dict(routes)
        self.connected: list[str] = []
        self.refused: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._thread = LoopThread("proxy")
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Return what ``HTTPS_PROXY`` is set to."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ConnectProxy:
        """Serve."""
        self._thread.start()
        self._server = self._thread.run(asyncio.start_server(self._handle, sock=self._listener))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; tunnels that are still open are closed."""
        self._thread.loop.call_soon_threadsafe(self._server.close)
        self._thread.stop()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request: a tunnel, or 403."""
        self._tasks.add(asyncio.current_task())  # nobody else holds it (asyncio.create_task, "Save a reference")
        try:
            method, target, *_ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split(" ")
            place = self.routes.get(target) if method == "CONNECT" else None
            (self.connected if place else self.refused).append(target)
            status = await _connect(place, reader, writer) if place else "403 Forbidden"
            if status:
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _connect(place: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Carry bytes to and from *place* until one side ends; return a status if nobody is there."""
    try:
        upstream_reader, upstream_writer = await asyncio.open_connection(*place)
    except OSError:
        return "502 Bad Gateway"
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    pairs = ((reader, upstream_writer), (upstream_reader, writer))
    tasks = [asyncio.create_task(_carry(*pair)) for pair in pairs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        upstream_writer.close()
    return ""


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
