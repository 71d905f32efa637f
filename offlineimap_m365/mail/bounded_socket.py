"""
A connection to a mail server, bounded in time and in size, whatever the network does and the server sends.
"""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future, wait

#: Seconds for one address, for the next bytes, and for a whole command or all addresses of a host (contract §5.7).
CONNECT, READ, WHOLE = 5.0, 10.0, 20.0
#: Bytes of a line: a folder's name may have 10,000 characters.
LONGEST_LINE = 1 << 17
_CHUNK = 1 << 16


class TooLong(OSError):
    """The server sends more than any answer needs; the text says what is too long."""


def dial(host: str, port: int) -> socket.socket:
    """
    Return a connection to *host*, bounded in time: CONNECT seconds for each address, WHOLE for all.

    Raises OSError: socket.gaierror for a name without an address, TimeoutError, and an address's own error.
    """
    future: Future[socket.socket] = Future()

    def work() -> None:
        try:
            future.set_result(socket.create_connection((host, port), CONNECT))
        except (OSError, UnicodeError) as error:
            future.set_exception(error)

    # In a thread, since the system's resolver promises no time.
    threading.Thread(target=work, name="offlineimap-m365-dial", daemon=True).start()
    if not wait([future], WHOLE).done:
        raise TimeoutError
    try:
        connection = future.result()
    except UnicodeError as error:  # a name that cannot be one
        raise socket.gaierror(str(error)) from None
    connection.settimeout(READ)
    return connection


class BoundedReader:
    """The lines and literals of one connection, without the secrets that a server may repeat."""

    def __init__(self, largest_answer: int) -> None:
        """Allow *largest_answer* bytes between two calls of begin()."""
        self._largest_answer = largest_answer
        self._sock: socket.socket | None = None
        self._buffer = bytearray()
        self._secrets: list[bytes] = []
        self.begin()

    def begin(self, seconds: float | None = None) -> None:
        """Allow *seconds* (default WHOLE) and one answer's size for what is read from now on."""
        self._deadline = time.monotonic() + (WHOLE if seconds is None else seconds)
        self._received = 0

    def attach(self, sock: socket.socket | None) -> None:
        """Read from *sock*; what came over another connection before TLS is thrown away (CVE-2011-0411)."""
        self._sock = sock
        self._buffer.clear()

    def hide(self, *secrets: bytes) -> None:
        """Replace *secrets* in what is read: it may be shown to somebody."""
        self._secrets += secrets

    def readline(self, _: int = 0) -> bytes:
        """Return the next line, or what is left at the end of the connection; smtplib's limit is smaller than ours."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched >= LONGEST_LINE:
                raise TooLong("a line")
            if not self._receive():
                return self._take(searched)
        return self._take(end + 1)

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer at the end of the connection."""
        while len(self._buffer) < size and self._receive():
            pass
        return self._take(size)

    def close(self) -> None:
        """Do nothing: the connection closes its socket."""

    def _receive(self) -> int:
        """Add to the buffer what the server sent; return how many bytes, 0 at the end."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0 or self._sock is None:
            raise TimeoutError
        self._sock.settimeout(min(READ, seconds))
        data = self._sock.recv(_CHUNK)
        self._buffer += data
        self._received += len(data)
        if self._received > self._largest_answer:
            raise TooLong("an answer")
        return len(data)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        for secret in self._secrets:
            data = data.replace(secret, b"*" * len(secret))
        return data
