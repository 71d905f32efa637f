"""
A server on loopback that answers every request with the same bytes, however little they are HTTP.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from types import TracebackType

    import trustme
    from typing_extensions import Self

_CHUNK = 65536


@final
class Garbage:
    """
    Speaks TLS as ``localhost``, reads a request, sends *answer*, and closes; serving while it is entered.

    With *drip* it sends that once more every *pause* seconds until the other side has had enough. *heads* are the
    request lines that came.
    """

    def __init__(self, ca: trustme.CA, answer: bytes, *, drip: bytes = b"", pause: float = 0.1) -> None:
        """Take a port."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(self._context)
        self._answer, self._drip, self._pause = answer, drip, pause
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.heads: list[str] = []
        self.url = f"https://localhost:{self._server.getsockname()[1]}/tenant/oauth"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; an answer that still drips is cut."""
        self._over.set()
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        """Serve one after the other: whoever asks here asks once."""
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                plain, _ = self._server.accept()
                plain.settimeout(5)
                with plain, self._context.wrap_socket(plain, server_side=True) as connection:
                    self.heads.append(self._request(connection))
                    connection.sendall(self._answer)
                    while self._drip and not self._over.wait(self._pause):
                        connection.sendall(self._drip)
                    connection.unwrap()

    @staticmethod
    def _request(connection: ssl.SSLSocket) -> str:
        """Read one request to its end, and return its first line."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(_CHUNK)
            if not chunk:
                raise ConnectionError
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().partition(b":")[::2] for line in head.split(b"\r\n"))
        while len(body) < int(fields.get(b"content-length", 0)):
            body += connection.recv(_CHUNK)
        return head.split(b"\r\n")[0].decode("latin-1")
