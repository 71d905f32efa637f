"""A host on loopback that answers every connection in one way: a login host, a proxy, or what is none of them."""

from __future__ import annotations

import json
import re
import ssl
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.loopback_server import LoopbackServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    import trustme

#: An OpenID configuration with as much in it as is looked at.
CONFIGURATION = json.dumps({"token_endpoint": "https://localhost/token"})


def response(status: int, body: str = "", headers: Mapping[str, str] | None = None) -> bytes:
    """Return an HTTP answer, with the time in it unless *headers* have another one."""
    given = {"Date": formatdate(usegmt=True), "Content-Length": str(len(body.encode())), "Connection": "close"}
    lines = [f"HTTP/1.1 {status} So", *(f"{name}: {value}" for name, value in {**given, **(headers or {})}.items())]
    return "\r\n".join([*lines, "", body]).encode()


class LoginHost(LoopbackServer):
    """
    Answers whatever it is asked with *answer*, be it HTTP or not, and closes; a context manager.

    With a *certificate* it does so over TLS. A *drip* is sent every tenth of a second before it closes, until the
    client hangs up. What came is in *received*, without what belongs to TLS.
    """

    patience = 5.0

    def __init__(self, answer: bytes = b"", *, certificate: trustme.LeafCert | None = None, drip: bytes = b"") -> None:
        """Take a free port."""
        super().__init__()
        self.answer = answer
        self.received: list[bytes] = []
        self.url = f"https://localhost:{self.port}/tenant/oauth"
        self._drip = drip
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if certificate and self._tls:
            certificate.configure_cert(self._tls)

    def converse(self, plain: socket.socket) -> None:
        """Answer, over TLS if there is a certificate."""
        if self._tls is None:
            self._answer(plain)
            return
        with self._tls.wrap_socket(plain, server_side=True) as client:
            self._answer(client)
            client.unwrap()

    def _answer(self, client: socket.socket) -> None:
        asked = b""
        while not _is_whole(asked) and (chunk := client.recv(65536)):
            asked += chunk
        if asked:
            self.received.append(asked)
            client.sendall(self.answer)
        while self._drip and not self._ended.wait(0.1):
            client.sendall(self._drip)


def _is_whole(asked: bytes) -> bool:
    """Return whether this is a whole request, or a TLS handshake (RFC 8446 §5.1)."""
    head, end, body = asked.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
    return head.startswith(b"\x16") or (bool(end) and len(body) >= (int(length[1]) if length else 0))
