"""A client of the callback server: sends a browser's requests, or any bytes."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offlineimap_m365.signin.callback_server import Listener

STATE = "c3RhdGUtb2YtdGhpcy1zaWduLWlu"
RIGHT = f"/?code=s3cret-code&state={STATE}&session_state=1"


def ask(
    port: int, target: str, *, method: str = "GET", host: str = "127.0.0.1", **headers: str
) -> http.client.HTTPResponse:
    """Send one request and return its answer, read to its end (as *text*)."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.putrequest(method, target, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.text = answer.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return answer


def text_of(answer: http.client.HTTPResponse) -> str:
    """Return the body that *ask* has read."""
    return str(answer.text)  # type: ignore[attr-defined]


def raw(port: int, data: bytes) -> bytes:
    """Send *data* as it is and return all that comes back until the other side closes, or drops the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            raise
        except OSError:  # dropped is as good
            pass
    return received


def is_waiting(listener: Listener) -> bool:
    """Return whether the listener has no answer yet and still accepts the right one."""
    return listener.answers.empty() and ask(listener.port, RIGHT).status == 303 and not listener.answers.empty()
