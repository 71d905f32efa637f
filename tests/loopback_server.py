"""A server on loopback that handles one connection after the other in a thread, while it is entered."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class LoopbackServer(ABC):
    """A context manager that hands each connection to converse(); a client that hangs up is no error."""

    #: Seconds for which a client may say nothing.
    patience = 30.0

    def __init__(self) -> None:
        """Listen on a free port; nobody is answered before it is entered."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()
        self._listener.close()

    @abstractmethod
    def converse(self, plain: socket.socket) -> None:
        """Talk with one client."""

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                plain, _ = self._listener.accept()
            except TimeoutError:
                continue
            plain.settimeout(self.patience)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a second short answer waits for nothing
            with plain, contextlib.suppress(OSError):
                self.converse(plain)
