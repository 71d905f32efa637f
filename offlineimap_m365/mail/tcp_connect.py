"""
A connection to a mail server's port, bounded in time: the resolver and all addresses of a host share 20 seconds.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds for a connection, and for all addresses of a host with the resolver (contract §5.7).
CONNECT, WHOLE = 5.0, 20.0
_Result = TypeVar("_Result")


def dial(host: str, port: int, family: int = 0, *, timeout: float | None = None) -> socket.socket:
    """
    Return a connection to *host*, over the address *family* alone if one is given.

    Raises OSError: socket.gaierror for a name without an address, TimeoutError, and the last address's own error.
    """
    seconds = CONNECT if timeout is None else timeout
    return _bounded(lambda: _connect(host, port, family, seconds), lambda late: late.close())


def addresses(host: str, port: int) -> list[tuple[Any, ...]]:
    """Return what getaddrinfo() gives for *host*, in its order of preference (RFC 6724); raises OSError."""
    return _bounded(lambda: _look_up(host, port, 0), lambda _: None)


def _connect(host: str, port: int, family: int, timeout: float) -> socket.socket:
    failure: OSError = socket.gaierror("no address")
    for kind, how, protocol, _, address in _look_up(host, port, family):
        plain = socket.socket(kind, how, protocol)
        try:
            plain.settimeout(timeout)
            plain.connect(address)
        except OSError as error:
            plain.close()
            failure = error
        else:
            return plain
    raise failure


def _look_up(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
    try:
        return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))
    except UnicodeError as error:  # a name that cannot be one
        raise socket.gaierror(str(error)) from None


def _bounded(work: Callable[[], _Result], drop: Callable[[_Result], None]) -> _Result:
    """Return what *work* does within WHOLE seconds, which the system's resolver does not promise; else *drop* it."""
    outcome: list[_Result | OSError] = []
    is_late = threading.Event()

    def run() -> None:
        try:
            outcome.append(work())
        except OSError as error:
            outcome.append(error)
        if is_late.is_set() and not isinstance(outcome[0], OSError):
            drop(outcome[0])

    worker = threading.Thread(target=run, name="offlineimap-m365-dial", daemon=True)
    worker.start()
    worker.join(WHOLE)
    is_late.set()
    if not outcome:
        raise TimeoutError
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]
