"""A server on loopback that handles one connection after the other in a thread, while it is entered."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from abc import abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class LoopbackServer(socketserver.TCPServer):
    """A context manager that hands each connection to converse(); a client that hangs up is no error."""

    #: Seconds for which a client may say nothing.
    patience = 30.0
    request_queue_size = 128

    def __init__(self) -> None:
        """Listen on a free port; nobody is answered before it is entered."""
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=type(self).__name__, daemon=True)
        self.port: int = self.socket.getsockname()[1]

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._ended.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @abstractmethod
    def converse(self, plain: socket.socket) -> None:
        """Talk with one client."""

    def finish_request(self, request: socket.socket, _address: object) -> None:  # type: ignore[override]
        """Talk with one client; the standard library calls this."""
        request.settimeout(self.patience)
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a second short answer waits for nothing
        with contextlib.suppress(OSError):
            self.converse(request)
