"""One request of a browser, or of whatever else talks to the listener: its bounded head, and the answer."""

from __future__ import annotations

import io
import time
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Protocol, cast

from offlineimap_m365.signin.callback_page import Page, headers

if TYPE_CHECKING:
    import socket

    from typing_extensions import Buffer

#: How long a whole request may take to arrive, in seconds; a browser on this computer needs milliseconds.
HEAD_SECONDS = 5.0
#: How large it may be, in bytes: a code makes 8,000 at most, and browsers add the cookies of localhost.
HEAD_BYTES = 65536

DONE = "/done"
_STRANGER = Page(ok=False, title="Nothing here", text="This address belongs to a sign-in that waits in a terminal.")


class Desk(Protocol):
    """What a visit asks of the listener."""

    def knows(self, host: str) -> bool:
        """Tell whether the visitor used a name of this server."""

    def take(self, query: str) -> bool:
        """Take the answer, if it is one."""

    def wait_for_result(self) -> Page | None:
        """Return the last page once it is known."""

    def was_served(self, page: Page) -> None:
        """Note that a visitor got the page."""


class Visit(BaseHTTPRequestHandler):
    """A request and its answer; the connection ends with it (HTTP/1.0)."""

    command: str = ""

    def setup(self) -> None:
        """Read from the connection through a bound, and never wait for ever for a slow reader."""
        super().setup()
        self.connection.settimeout(HEAD_SECONDS)
        self.rfile = io.BufferedReader(_Head(self.connection))

    def do_GET(self) -> None:
        """Take the answer at ``/``, show the result at ``/done``."""
        path, _, query = self.path.partition("?")
        if not self._is_for_us():
            self._show(HTTPStatus.BAD_REQUEST, _STRANGER)
        elif path not in {"/", DONE}:
            self._show(HTTPStatus.NOT_FOUND, _STRANGER)
        elif self._is_guess():  # the browser asks again when the person really goes there
            self._show(HTTPStatus.SERVICE_UNAVAILABLE, _STRANGER)
        elif path == DONE:
            self._show_result()
        elif self._desk.take(query):
            self._send_on()
        else:
            self._show(HTTPStatus.BAD_REQUEST, _STRANGER)

    @property
    def _desk(self) -> Desk:
        """The listener that this visit is paid to."""
        return cast("Desk", self.server.listener)  # type: ignore[attr-defined]

    def _is_for_us(self) -> bool:
        """Tell whether exactly one Host names this server; any other page may have rebound its name to it."""
        hosts = self.headers.get_all("Host") or []
        return len(hosts) == 1 and self._desk.knows(str(hosts[0]).strip())

    def _is_guess(self) -> bool:
        """Tell whether a browser fetches this before anybody asked for it."""
        purposes = (self.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
        return any("prefetch" in purpose.lower() for purpose in purposes)

    def _send_on(self) -> None:
        """Send the browser to the last page, which takes the code out of the address bar and its history."""
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", DONE)
        self._send_headers(0)

    def _show_result(self) -> None:
        """Show the last page once it is known."""
        page = self._desk.wait_for_result()
        if page is None:
            self._show(HTTPStatus.BAD_REQUEST, _STRANGER)
            return
        self._show(HTTPStatus.OK, page)
        self._desk.was_served(page)

    def _show(self, status: HTTPStatus, page: Page) -> None:
        """Send *page*."""
        body = page.render()
        self.send_response(status)
        self._send_headers(len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(self, length: int) -> None:
        """Send the headers of every answer."""
        for name, value in headers().items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """
        Answer a request that cannot be read, without showing any of it.

        The base class also comes here for each method without a ``do_`` of its own: only GET has one, so that
        HEAD and the others change nothing.
        """
        del message, explain  # the base class puts the request line into them
        self.close_connection = True
        self.command = self.command or ""
        self.request_version = "HTTP/1.0"
        # Another method is answered as a wrong state is: a stranger learns nothing by trying (issue 3).
        unsupported = code == HTTPStatus.NOT_IMPLEMENTED
        self._show(HTTPStatus.BAD_REQUEST if unsupported else HTTPStatus(code), _STRANGER)

    def version_string(self) -> str:
        """Return the name of this server without the versions of anything."""
        return "offlineimap-m365"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line holds the code."""


class _Head(io.RawIOBase):
    """The bytes of one request as they arrive, at most so many, all of them by a deadline."""

    def __init__(self, connection: socket.socket) -> None:
        """Read from *connection*."""
        super().__init__()
        self._connection = connection
        self._deadline = time.monotonic() + HEAD_SECONDS
        self._left = HEAD_BYTES

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """
        Read what has arrived into *buffer*.

        Raises:
            TimeoutError: the deadline is over, however busily the other side sends.
            LineTooLong: the request is too large; answered as 431.

        """
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        if not self._left:
            raise LineTooLong("request")
        self._connection.settimeout(seconds)
        view = memoryview(buffer)[: self._left]
        count = self._connection.recv_into(view)
        self._left -= count
        self._connection.settimeout(HEAD_SECONDS)
        return count
