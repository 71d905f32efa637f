"""One request of a browser, or of anything else that connects to the listener, and the page that answers it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import html
import os
import string
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from offlineimap_m365.signin.callback_server import Listener

_PAGES = Path(__file__).with_name("pages")
#: Seconds for the next piece of a request to arrive, and for the sign-in to be finished: an exchange has 20.
SECONDS = 25.0
#: States of a connection (Linux, include/net/tcp_states.h).
_ESTABLISHED, _LISTEN = "01", "0A"
DONE = "/done"


@dataclasses.dataclass(frozen=True)
class Page:
    """A page: whether it reports a success, and its text, not yet escaped."""

    ok: bool
    title: str
    text: str

    def render(self) -> bytes:
        """Return the page as HTML, every word escaped."""
        template = string.Template((_PAGES / "landing.html").read_text(encoding="utf-8"))
        filled = template.substitute(
            title=html.escape(self.title),
            text=html.escape(self.text),
            kind="success" if self.ok else "failure",
            style=_style(),
        )
        return filled.encode()


_NOTHING_HERE = Page(ok=False, title="Nothing here", text="This address belongs to a sign-in that waits in a terminal.")
_GOING_ON = Page(
    ok=True, title="Signing in\u2026", text="The sign-in is not finished yet. The terminal says how it ends."
)


class CallbackRequest(BaseHTTPRequestHandler):
    """A request and its answer; the connection ends with it (HTTP/1.0)."""

    timeout = SECONDS
    command: str = ""

    def do_GET(self) -> None:
        """Take the answer at ``/``, show the result at ``/done``."""
        path, _, query = self.path.partition("?")
        if not self._is_for_us():
            self._show(HTTPStatus.BAD_REQUEST, _NOTHING_HERE)
        elif path not in {"/", DONE}:
            self._show(HTTPStatus.NOT_FOUND, _NOTHING_HERE)
        elif self._is_prefetch():  # the browser asks again when the person really goes there
            self._show(HTTPStatus.SERVICE_UNAVAILABLE, _NOTHING_HERE)
        elif path == DONE and self._listener.answered.is_set():
            self._show_result()
        elif path == "/" and self._is_same_user() and self._listener.take(query):
            self._redirect()
        else:
            self._show(HTTPStatus.BAD_REQUEST, _NOTHING_HERE)

    @property
    def _listener(self) -> Listener:
        return cast("Listener", self.server.listener)  # type: ignore[attr-defined]

    def _is_for_us(self) -> bool:
        """Return whether exactly one Host names this server; any other page may have rebound its own name to it."""
        hosts = self.headers.get_all("Host") or []
        names = {f"{name}:{self._listener.port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        return len(hosts) == 1 and str(hosts[0]).strip().lower() in names

    def _is_same_user(self) -> bool:
        """Return whether no other user of this computer sent this, who may have read the state."""
        return is_same_user(self._listener.port, self.client_address[1])

    def _is_prefetch(self) -> bool:
        """Return whether a browser fetches this before anybody asked for it."""
        purposes = (self.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
        return any("prefetch" in purpose.lower() for purpose in purposes)

    def _redirect(self) -> None:
        """Send the browser to the last page, which takes the code out of the address bar and its history."""
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", DONE)
        self._send_headers(0)

    def _show_result(self) -> None:
        """Show the last page once it is known."""
        self._listener.finished.wait(SECONDS)
        page = self._listener.result
        self._show(HTTPStatus.OK, page or _GOING_ON)
        if page:
            self._listener.served.set()

    def _show(self, status: HTTPStatus, page: Page) -> None:
        body = page.render()
        self.send_response(status)
        self._send_headers(len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(self, length: int) -> None:
        """Send the headers of every answer."""
        for name, value in _headers().items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """
        Answer a request that cannot be read, or whose method is not GET, without showing any of it.

        The base class would put the request line into the page. Other methods are answered as a wrong state is.
        """
        del message, explain
        self.close_connection = True
        self.command = self.command or ""
        self.request_version = "HTTP/1.0"
        is_other_method = code == HTTPStatus.NOT_IMPLEMENTED
        self._show(HTTPStatus.BAD_REQUEST if is_other_method else HTTPStatus(code), _NOTHING_HERE)

    def version_string(self) -> str:
        """Return the name of this server without versions."""
        return "offlineimap-m365"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line holds the code."""


def is_same_user(port: int, client_port: int, tables: str | None = None) -> bool:
    """
    Return whether the connection from *client_port* to our *port* was made by this user, or by root.

    Other users can read the state of a sign-in in the browser's command line, and could end the wait with it.

    *tables* are the kernel's lists of connections (proc_pid_net(5)): address:port of both ends in hexadecimal, the
    state, and in the eighth column the user. Where they do not list our own port they tell nothing, and any connection
    counts. One that was closed at once names no user any more, so only an open one counts.
    """
    ours, theirs = f"{port:04X}", f"{client_port:04X}"
    lines = [line for line in (_tables() if tables is None else tables).splitlines() if f":{ours} " in line]
    rows = [(row[1][-4:], row[2][-4:], row[3], row[7]) for row in map(str.split, lines)]
    if not any((local, state) == (ours, _LISTEN) for local, _, state, _ in rows):
        return True
    users = {user for *ends, user in rows if ends == [theirs, ours, _ESTABLISHED]}
    return bool(users) and users <= {"0", str(os.geteuid())}


def _tables() -> str:
    text = ""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            text += Path(f"/proc/net/{name}").read_text(encoding="ascii")
    return text


def _headers() -> dict[str, str]:
    """
    Return what is sent with every page.

    They forbid to cache the page, to pass its address on, to frame it, and to load anything but its own style sheet
    (CSP 3, Fetch, RFC 9111 §5.2.2.5).
    """
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
    }


def _style() -> str:
    """Return the style sheet, exactly as it is in the page: its digest is in the policy."""
    return (_PAGES / "landing.css").read_text(encoding="utf-8")
