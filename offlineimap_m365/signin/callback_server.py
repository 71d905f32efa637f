"""
Waits on this computer for the browser to come back with Microsoft's answer (RFC 8252 §7.3).

Always true: only the loopback addresses are bound; one answer is taken, the first with the right state;
nothing that a stranger sends ends the wait, is logged, or is shown to anybody.
"""

from __future__ import annotations

import errno
import hmac
import queue
import socket
import socketserver
import threading
import urllib.parse
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import Misconfigured, Temporary, WrongUsage
from offlineimap_m365.signin.callback_page import Page
from offlineimap_m365.signin.callback_request import Visit

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

#: As many requests as are served at once; a browser opens six connections to one host.
MOST_VISITS = 32
#: How long ``/done`` waits for the sign-in to be finished, in seconds: an exchange has 20.
RESULT_SECONDS = 25.0
#: As many visits as may wait for the result, so that some threads are always left for the answer.
MOST_WAITING = 8
#: How long the end waits for the browser to fetch the last page, in seconds; it follows a redirect at once.
LINGER_SECONDS = 2.0
#: How often a server looks whether it shall end, in seconds.
_POLL_SECONDS = 0.05
#: A free port of the one address may be taken on the other; so many are tried.
_ATTEMPTS = 20
_LARGEST_PORT = 65535
#: The host has no IPv6 at all, or not on its loopback.
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})

_GOING_ON = Page(
    ok=True, title="Signing in\u2026", text="The sign-in is still going on. The terminal says how it ends."
)
_UNFINISHED = Page(ok=False, title="Not signed in", text="The sign-in was not finished. The terminal says why.")


class Listener:
    """
    A web server on 127.0.0.1 and ::1 for one sign-in; use it in a ``with`` statement.

    *answers* gets the parameters of the first request with the right state, ``code`` or ``error`` among them.
    """

    def __init__(self, state: str, port: int = 0) -> None:
        """Listen for the answer that carries *state*, on *port* (0: any that is free) once entered."""
        if not 0 <= port <= _LARGEST_PORT:
            raise WrongUsage(f"There is no port {port}: choose one up to {_LARGEST_PORT}")
        self.port = port
        self.answers: queue.Queue[dict[str, str]] = queue.Queue()
        self._state = state.encode()
        self._servers: list[_Server] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._result: Page | None = None
        self._answered, self._finished, self._served = (threading.Event() for _ in range(3))
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._visits = threading.BoundedSemaphore(MOST_VISITS)

    @property
    def redirect_uri(self) -> str:
        """The redirect URI that leads here; any port is allowed for a native program (RFC 8252 §7.3)."""
        return f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        """
        Begin to listen.

        Raises:
            Temporary: the port is taken.
            Misconfigured: the port may not be used by this user.

        """
        self._servers = self._bind()
        self.port = self._servers[0].server_address[1]
        for server in self._servers:
            thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; a browser that was sent to the last page may still fetch it for a moment."""
        self._settle(_UNFINISHED)
        if self._answered.is_set():
            self._served.wait(LINGER_SECONDS)
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def finish(self, ok: bool, title: str, text: str) -> None:
        """Say what the last page shows, as plain text without anything secret; the first word counts."""
        self._settle(Page(ok, title, text))

    def take(self, query: str) -> bool:
        """Take the answer in a *query* string; False if it is not ours. Later ones are not kept."""
        answer = _parse(query)
        if answer is None or ("code" in answer) == ("error" in answer):
            return False
        if not self._state or not hmac.compare_digest(answer.get("state", "").encode(), self._state):
            return False
        with self._lock:
            if not self._answered.is_set():
                self._answered.set()
                self.answers.put(answer)
        return True

    def wait_for_result(self) -> Page | None:
        """Return the last page once it is known; None if there was no answer yet that it could be about."""
        if not self._answered.is_set():
            return None
        if not self._waiting.acquire(blocking=False):
            return self._result or _GOING_ON
        try:
            self._finished.wait(RESULT_SECONDS)
        finally:
            self._waiting.release()
        return self._result or _GOING_ON

    def was_served(self, page: Page) -> None:
        """Note that a browser got *page*, so that the end need not wait for it."""
        if page is self._result:
            self._served.set()

    def knows(self, host: str) -> bool:
        """Tell whether *host* is what a browser calls this server: any other name is a rebound one."""
        names = ("localhost", "127.0.0.1", "[::1]")
        return host.lower() in {f"{name}:{self.port}" for name in names}

    def admit(self) -> bool:
        """Tell whether one more visit can be served; if so ``leave`` must follow."""
        return self._visits.acquire(blocking=False)

    def leave(self) -> None:
        """End a visit."""
        self._visits.release()

    def _settle(self, page: Page) -> None:
        """Make *page* the last one unless there is one."""
        with self._lock:
            self._result = self._result or page
        self._finished.set()

    def _bind(self) -> list[_Server]:
        """Return servers on the same port of both loopback addresses."""
        for _ in range(1 if self.port else _ATTEMPTS):
            servers = self._bind_both()
            if servers:
                return servers
        raise _taken(self.port)

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
            if error.errno == errno.EADDRINUSE:
                return []
            raise _refused(self.port, error) from error
        return servers


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One loopback address: a thread per visit, none of which holds up the end."""

    daemon_threads = True
    block_on_close = False
    #: A chosen port can be used again at once, although closed connections linger in TIME_WAIT.
    allow_reuse_address = True
    #: A crowd is dropped by us, at once, rather than left waiting by the system.
    request_queue_size = 128
    server_address: tuple[str, int]

    def __init__(self, listener: Listener, family: socket.AddressFamily, address: tuple[str, int]) -> None:
        """Bind *address* for the *listener*."""
        self.address_family = family
        self.listener = listener
        super().__init__(address, Visit)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Serve a visit in a thread of its own, or drop it if there are too many."""
        if not self.listener.admit():
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Serve a visit, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.listener.leave()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a visit that broke off: what it sent may hold the code."""


def _parse(query: str) -> dict[str, str] | None:
    """Return the parameters of a *query*, None if one comes twice (RFC 6749 §3.1) or they are too many."""
    try:
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, max_num_fields=32)
    except ValueError:
        return None
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def _taken(port: int) -> Temporary:
    """Return the error about a *port* that another program has."""
    name = f"Port {port}" if port else "Every port that was tried"
    return Temporary(
        f"{name} of this computer is taken by another program",
        remedy="Choose another with --port N, or --paste, which needs none",
    )


def _refused(port: int, error: OSError) -> Misconfigured | Temporary:
    """Return the error about a *port* that the system does not give."""
    remedy = "Choose one from 1024 on with --port N, or --paste, which needs none"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Misconfigured(f"Port {port} of this computer may not be used by this user", remedy=remedy)
    return Temporary(f"Port {port} of this computer cannot be had: {error.strerror}", remedy=remedy)
