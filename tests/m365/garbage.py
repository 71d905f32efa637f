"""A server on loopback that answers every request with the same bytes, whether they are HTTP or not."""

from __future__ import annotations

import ssl
from http.client import parse_headers
from typing import TYPE_CHECKING, final

from tests.loopback_server import LoopbackServer

if TYPE_CHECKING:
    import socket

    import trustme


@final
class Garbage(LoopbackServer):
    """
    Speak TLS as ``localhost``, read a request, send *answer*, and close.

    With *drip*, send that every *pause* seconds before closing, until the client hangs up or the server is left.
    *heads* are the request lines that came.
    """

    patience = 5.0

    def __init__(self, ca: trustme.CA, answer: bytes, *, drip: bytes = b"", pause: float = 0.1) -> None:
        """Take a port."""
        super().__init__()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(self._context)
        self._answer, self._repeated, self._pause = answer, drip, pause
        self.heads: list[str] = []
        self.url = f"https://localhost:{self.port}/tenant/oauth"

    def converse(self, plain: socket.socket) -> None:
        """Answer one request."""
        with self._context.wrap_socket(plain, server_side=True) as connection:
            with connection.makefile("rb") as request:
                self.heads.append(request.readline().decode("latin-1").rstrip())
                request.read(int(parse_headers(request)["Content-Length"] or 0))
            connection.sendall(self._answer)
            while self._repeated and not self._ended.wait(self._pause):
                connection.sendall(self._repeated)
            connection.unwrap()
