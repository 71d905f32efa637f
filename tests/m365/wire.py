"""An HTTP proxy on loopback that connects Microsoft's host names to the look-alikes, and nothing else."""

from __future__ import annotations

import select
import socket
import socketserver
from typing import TYPE_CHECKING, final

from tests.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Mapping


@final
class ConnectProxy(socketserver.ThreadingMixIn, LoopbackServer):
    """
    A CONNECT proxy (RFC 9110 §9.3.6), serving while it is entered; a tunnel ends with its client.

    *routes* say where ``host:port`` really leads. All else, plain http included, is answered 403 and recorded in
    *refused*; what has a route is in *connected*. *url* is what ``HTTPS_PROXY`` is set to: so a product runs with its
    default authority, and each request to another host is recorded.
    """

    daemon_threads = True

    def __init__(self, routes: Mapping[str, tuple[str, int]]) -> None:
        """Take a free port."""
        super().__init__()
        self.routes = routes
        self.connected: list[str] = []
        self.refused: list[str] = []
        self.url = f"http://127.0.0.1:{self.port}"

    def converse(self, plain: socket.socket) -> None:
        """Answer one request: a tunnel, or 403."""
        with plain.makefile("rb") as lines:
            words = lines.readline().decode("latin-1").split()
            while lines.readline().strip():
                continue
        if not words:
            return
        place = self.routes.get(words[1]) if words[0] == "CONNECT" else None
        (self.connected if place else self.refused).append(words[1])
        if place is None:
            plain.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with socket.create_connection(place) as upstream:
            plain.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            peers = {plain: upstream, upstream: plain}
            while True:
                for ready in select.select([*peers], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    peers[ready].sendall(data)
