"""
Waits on this computer for the browser to come back with Microsoft's answer (RFC 8252 §7.3).

Only the loopback addresses are bound. The first answer with the right state counts; nothing else that is sent ends the
wait, is logged, or is shown. One limit on connections, one time-out; of too many connections the oldest is dropped.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import hmac
import queue
import socket
import socketserver
import threading
import urllib.parse
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import Misconfigured, Remedy, Temporary
from offlineimap_m365.signin.callback_request import CallbackRequest, Page

if TYPE_CHECKING:
    from typing_extensions import Self

#: Connections at the same time; a browser opens six to one host.
MOST_CONNECTIONS = 32
#: Seconds for which the end waits until the browser fetched the last page; it follows a redirect at once.
LINGER_SECONDS = 2.0
#: Seconds between two looks whether the server shall end.
_POLL_SECONDS = 0.05
#: A free port of one address may be taken on the other, so this many are tried.
_ATTEMPTS = 20
#: The host has no IPv6 at all, or not on its loopback.
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})

_UNFINISHED = Page(ok=False, title="Not signed in", text="The sign-in was not finished. The terminal says why.")


class Listener:
    """
    A web server on 127.0.0.1 and ::1 for one sign-in; use it in a ``with`` statement.

    *answers* gets the parameters of the first request with the right state, ``code`` or ``error`` among them.
    """

    def __init__(self, state: str, port: int = 0) -> None:
        """Listen for the answer that carries *state*, on *port* (0: any that is free) once entered."""
        self.port = port
        self.answers: queue.Queue[dict[str, str]] = queue.Queue()
        self.result: Page | None = None
        self.answered, self.finished, self.served = threading.Event(), threading.Event(), threading.Event()
        self._state = state.encode()
        self._lock = threading.Lock()
        self._servers: list[_Server] = []

    def __enter__(self) -> Self:
        """Begin to listen. Raises Temporary for a port that is taken, Misconfigured for one that is not allowed."""
        self._servers = self._bind()
        self.port = self._servers[0].server_address[1]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a browser that was sent to the last page may still fetch it for a moment."""
        self._finish(_UNFINISHED)
        if self.answered.is_set():
            self.served.wait(LINGER_SECONDS)
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def finish(self, ok: bool, title: str, text: str) -> None:
        """Set the last page, as plain text without anything secret; the first call counts."""
        self._finish(Page(ok, title, text))

    def _finish(self, page: Page) -> None:
        with self._lock:
            self.result = self.result or page
        self.finished.set()

    def take(self, query: str) -> bool:
        """Take the answer in a *query* string; return False if it is not ours. Later ones are not kept."""
        answer = _parse(query)
        if ("code" in answer) == ("error" in answer) or not self._state:
            return False
        if not hmac.compare_digest(answer.get("state", "").encode(), self._state):
            return False
        with self._lock:
            if not self.answered.is_set():
                self.answered.set()
                self.answers.put(answer)
        return True

    def _bind(self) -> list[_Server]:
        """Return servers on the same port of both loopback addresses."""
        for _ in range(1 if self.port else _ATTEMPTS):
            servers = self._bind_both()
            if servers:
                return servers
        raise Temporary(
            f"Port {self.port} of this computer is in use by another program" if self.port else "No port is free",
            remedy=Remedy("Choose another with --port N, or use --paste, which needs none"),
        )

    def _bind_both(self) -> list[_Server]:
        """Return the servers, none if the port is taken; only a host without ::1 gets one of them."""
        servers: list[_Server] = []
        try:
            servers.append(_Server(self, socket.AF_INET, ("127.0.0.1", self.port)))
            servers.append(_Server(self, socket.AF_INET6, ("::1", servers[0].server_address[1])))
        except OSError as error:
            if servers and error.errno in _NO_SUCH_ADDRESS:
                return servers
            for server in servers:
                server.server_close()
            if error.errno != errno.EADDRINUSE:
                raise _refused(self.port, error) from error
            return []
        return servers


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One loopback address, a thread for each connection."""

    daemon_threads = True
    block_on_close = False
    #: A chosen port can be used again at once, although closed connections are in TIME_WAIT.
    allow_reuse_address = True
    request_queue_size = 128
    server_address: tuple[str, int]

    def __init__(self, listener: Listener, family: socket.AddressFamily, address: tuple[str, int]) -> None:
        """Bind *address* for the *listener*."""
        self.address_family = family
        self.listener = listener
        self._connections: collections.deque[socket.socket] = collections.deque()
        super().__init__(address, CallbackRequest)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Serve the connection in a thread of its own; of too many the oldest is dropped."""
        self._connections.append(request)
        if len(self._connections) > MOST_CONNECTIONS:
            with contextlib.suppress(OSError):  # it ended in this moment
                self._connections.popleft().shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """End the connection."""
        with contextlib.suppress(ValueError):  # it was dropped
            self._connections.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing about a connection that broke off: what it sent may hold the code."""


def _parse(query: str) -> dict[str, str]:
    """Return the parameters of a *query*, none if one comes twice (RFC 6749 §3.1) or they are too many."""
    try:
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, max_num_fields=32)
    except ValueError:
        return {}
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {}


def _refused(port: int, error: OSError) -> Misconfigured | Temporary:
    """Return the error about a *port* that the system does not give."""
    kind = Misconfigured if error.errno in {errno.EACCES, errno.EPERM} else Temporary
    return kind(
        f"Port {port} of this computer cannot be used ({error.strerror})",
        remedy=Remedy("Choose one from 1024 on with --port N, or use --paste, which needs none"),
    )
