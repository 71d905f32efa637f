"""An HTTP proxy on loopback that connects Microsoft's host names to the look-alikes, and nothing else."""

from __future__ import annotations

import contextlib
import selectors
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

#: Bytes taken at a time.
CHUNK = 65536

#: Seconds until a silent client is dropped.
PATIENCE = 30


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
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="proxy", daemon=True)

    @property
    def url(self) -> str:
        """Return what ``HTTPS_PROXY`` is set to."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ConnectProxy:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; tunnels that are still open are closed."""
        self._server.shutdown()
        self._server.end_tunnels()
        self._server.server_close()
        self._thread.join()

    def lead(self, method: str, target: str) -> tuple[str, int] | None:
        """Return where *target* leads, and record the request."""
        place = self.routes.get(target) if method == "CONNECT" else None
        (self.connected if place else self.refused).append(target)
        return place


class _Server(socketserver.ThreadingTCPServer):
    proxy: ConnectProxy
    # Threads are waited for at the end, so that no tunnel outlives a test.
    daemon_threads = False

    def __init__(self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        with self._lock:
            self._open.add(request)  # type: ignore[arg-type]  # a TCP server's requests are sockets
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_tunnels(self) -> None:
        with self._lock:
            for client in self._open:
                # A client that has gone already needs no end.
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = PATIENCE
    # Read nothing ahead: what follows the request is for the tunnel.
    rbufsize = 0

    def handle(self) -> None:
        """Answer one request: a tunnel, or 403."""
        method, _, rest = self.rfile.readline(CHUNK).decode("latin-1").partition(" ")
        target = rest.partition(" ")[0]
        while self.rfile.readline(CHUNK).strip():
            pass
        place = self.server.proxy.lead(method, target)
        if place is None:
            self.refuse("403 Forbidden")
            return
        try:
            upstream = socket.create_connection(place, timeout=PATIENCE)
        except OSError:
            self.refuse("502 Bad Gateway")
            return
        with upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            splice(self.connection, upstream)

    def refuse(self, status: str) -> None:
        """Answer with *status* and nothing else."""
        self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


def splice(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            ready = selector.select(PATIENCE)
            if not ready:
                return
            for key, _ in ready:
                try:
                    data = key.fileobj.recv(CHUNK)  # type: ignore[union-attr]  # sockets were registered
                    key.data.sendall(data)
                except ConnectionError:
                    return
                if not data:
                    return
