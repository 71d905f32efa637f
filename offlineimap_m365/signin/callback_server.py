"""
Waits on this computer for the browser to come back with Microsoft's answer (RFC 8252 §7.3).

Only the loopback addresses are bound, and only this user is served. The first answer with the right state counts;
nothing else that is sent ends the wait, is logged, or is shown.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import html
import os
import queue
import socket
import socketserver
import string
import threading
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import final

from offlineimap_m365.base.errors import Misconfigured, Remedy, Temporary

#: Seconds for the next piece of a request to arrive, and for the sign-in to be finished: an exchange has 20.
SECONDS = 25.0
#: Seconds for which the end waits until the browser fetched the last page; it follows a redirect at once.
LINGER_SECONDS = 2.0
#: A free port of one address may be taken on the other, so this many are tried.
_ATTEMPTS = 20
#: The host has no IPv6 at all, or not on its loopback.
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
_PAGES = Path(__file__).with_name("pages")
_DONE = "/done"
_NOTHING_HERE = (False, "Nothing here", "This address belongs to a sign-in that waits in a terminal.")
_GOING_ON = (True, "Signing in\u2026", "The sign-in is not finished yet. The terminal says how it ends.")
_UNFINISHED = (False, "Not signed in", "The sign-in was not finished. The terminal says why.")


@final
class Listener:
    """
    A web server on 127.0.0.1 and ::1 for one sign-in; use it in a ``with`` statement.

    *answers* gets the parameters of the first request with the right state, ``code`` or ``error`` among them.
    """

    def __init__(self, state: str, port: int = 0) -> None:
        """Listen for the answer that carries *state*, on *port* (0: any that is free) once entered."""
        self.port = port
        self.answers: queue.Queue[dict[str, str]] = queue.Queue(maxsize=1)
        self.result: tuple[bool, str, str] | None = None
        self.answered, self.finished, self.served = threading.Event(), threading.Event(), threading.Event()
        self._state = state.encode()
        self._servers: list[_Server] = []

    def __enter__(self) -> Listener:
        """Begin to listen. Raises Temporary for a port that is taken, Misconfigured for one that is not allowed."""
        for _ in range(1 if self.port else _ATTEMPTS):
            self._servers = self._bind()
            if self._servers:
                break
        else:
            raise Temporary(
                f"Port {self.port} of this computer is in use by another program" if self.port else "No port is free",
                remedy=Remedy("Choose another with --port N, or use --paste, which needs none"),
            )
        self.port = self._servers[0].server_address[1]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a browser that was sent to the last page may still fetch it for a moment."""
        self.finish(*_UNFINISHED)
        if self.answered.is_set():
            self.served.wait(LINGER_SECONDS)
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def finish(self, ok: bool, title: str, text: str) -> None:
        """Set the last page, as plain text without anything secret; the first call counts."""
        if not self.finished.is_set():
            self.result = (ok, title, text)
            self.finished.set()

    def take(self, query: str) -> bool:
        """Take the answer in a *query* string; return False if it is not ours. Later ones are not kept."""
        try:
            pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, max_num_fields=32)
        except ValueError:
            return False
        answer = dict(pairs)
        if len(answer) != len(pairs) or ("code" in answer) == ("error" in answer):  # twice: RFC 6749 §3.1
            return False
        if not hmac.compare_digest(answer.get("state", "").encode(), self._state):
            return False
        with contextlib.suppress(queue.Full):
            self.answers.put_nowait(answer)
        self.answered.set()
        return True

    def _bind(self) -> list[_Server]:
        """Return servers on the same port of both loopback addresses, none if it is taken."""
        servers: list[_Server] = []
        try:
            servers.append(_Server(self, socket.AF_INET, ("127.0.0.1", self.port)))
            servers.append(_Server(self, socket.AF_INET6, ("::1", servers[0].server_address[1])))
        except OSError as error:
            if servers and error.errno in _NO_SUCH_ADDRESS:  # a host without ::1
                return servers
            for server in servers:
                server.server_close()
            if error.errno == errno.EADDRINUSE:
                return []
            kind = Misconfigured if error.errno in {errno.EACCES, errno.EPERM} else Temporary
            raise kind(
                f"Port {self.port} of this computer cannot be used ({error.strerror})",
                remedy=Remedy("Choose one from 1024 on with --port N, or use --paste, which needs none"),
            ) from error
        return servers


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One loopback address, a thread for each connection of this user."""

    daemon_threads = True
    #: The kernel drops connections beyond it, and their clients try again after a second only.
    request_queue_size = socket.SOMAXCONN
    #: A chosen port can be used again at once, although closed connections are in TIME_WAIT.
    allow_reuse_address = True
    server_address: tuple[str, int]

    def __init__(self, listener: Listener, family: socket.AddressFamily, address: tuple[str, int]) -> None:
        """Bind *address* for the *listener*."""
        self.address_family = family
        self.listener = listener
        super().__init__(address, _Request)

    def verify_request(self, request: object, client_address: tuple[str, int]) -> bool:
        """Return whether no other user of this computer connected, who may have read the state."""
        del request
        return is_same_user(self.server_address[1], client_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing about a connection that broke off: what it sent may hold the code."""


class _Request(BaseHTTPRequestHandler):
    """A request and its answer; the connection ends with it (HTTP/1.0)."""

    timeout = SECONDS
    server: _Server

    def do_GET(self) -> None:
        """Take the answer at ``/``, show the result at ``/done``."""
        listener = self.server.listener
        path, _, query = self.path.partition("?")
        # Any other page may have rebound its own name to this computer.
        is_for_us = self.headers.get("Host", "").lower() in {
            f"{name}:{listener.port}" for name in ("localhost", "127.0.0.1", "[::1]")
        }
        if is_for_us and path == "/" and listener.take(query):
            # The code leaves the address bar and the browser's history.
            self._answer(HTTPStatus.SEE_OTHER, b"", {"Location": _DONE})
        elif is_for_us and path == _DONE and listener.answered.is_set():
            listener.finished.wait(SECONDS)
            self._answer(HTTPStatus.OK, _page(*(listener.result or _GOING_ON)))
            if listener.result:
                listener.served.set()
        else:
            self.send_error(HTTPStatus.BAD_REQUEST)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not ours, or cannot be read; the base class would show parts of it."""
        del code, message, explain
        self.request_version = "HTTP/1.0"
        self._answer(HTTPStatus.BAD_REQUEST, _page(*_NOTHING_HERE))

    def _answer(self, status: HTTPStatus, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_headers(), "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Return the name of this server without versions."""
        return "offlineimap-m365"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line holds the code."""


def is_same_user(port: int, client_port: int, tables: str | None = None) -> bool:
    """
    Return whether the connection from *client_port* to our *port* was made by this user, or by root.

    *tables* are the kernel's lists of connections (proc_pid_net(5)): both ends in hexadecimal, the state (01 is
    ESTABLISHED, 0A LISTEN), and in the eighth column the user. Where they do not list our own port, as on macOS or
    without /proc, they tell nothing, and any connection counts: the state must be right all the same, and who signed
    in is compared with who was meant. A connection that was closed names no user any more, so only an open one counts.
    """
    ours, theirs = f"{port:04X}", f"{client_port:04X}"
    if tables is None:
        tables = ""
        for name in ("tcp", "tcp6"):
            with contextlib.suppress(OSError):
                tables += Path(f"/proc/net/{name}").read_text(encoding="ascii")
    lines = [line.split() for line in tables.splitlines() if f":{ours} " in line]
    rows = [(row[1][-4:], row[2][-4:], row[3], row[7]) for row in lines]
    if not any((local, state) == (ours, "0A") for local, _, state, _ in rows):
        return True
    users = {user for *ends, user in rows if ends == [theirs, ours, "01"]}
    return users in ({"0"}, {str(os.geteuid())})


def _page(ok: bool, title: str, text: str) -> bytes:
    """Return a page as HTML, every word escaped."""
    template = string.Template((_PAGES / "landing.html").read_text(encoding="utf-8"))
    kind = "success" if ok else "failure"
    return template.substitute(title=html.escape(title), text=html.escape(text), kind=kind, style=_style()).encode()


def _headers() -> dict[str, str]:
    """Forbid to cache a page, pass its address on, frame it, or load anything (CSP 3, Fetch, RFC 9111 §5.2.2.5)."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
    }


def _style() -> str:
    """Return the style sheet, exactly as it is in the page: its digest is in the policy."""
    return (_PAGES / "landing.css").read_text(encoding="utf-8")
