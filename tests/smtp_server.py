"""A submission server on loopback that says what a test wants, right or wrong, and writes down all that it is sent."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from tests.loopback_server import LoopbackServer, users_in

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    import trustme

#: What Exchange Online says of itself (simonrob/email-oauth2-proxy#297; nodemailer#1484).
GREETING = b"220 localhost Microsoft ESMTP MAIL Service ready\r\n"
_CLEAR = b"250-localhost Hello [127.0.0.1]\r\n250-SIZE 157286400\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n"
_SECURE = b"250-localhost Hello [127.0.0.1]\r\n250-SIZE 157286400\r\n250-AUTH LOGIN XOAUTH2\r\n250 SMTPUTF8\r\n"
_DEFAULTS: dict[str, bytes | None] = {
    "greeting": GREETING,
    "EHLO": _CLEAR,
    "STARTTLS": b"220 2.0.0 SMTP server ready\r\n",
    "EHLO over TLS": _SECURE,
    "AUTH": b"334 \r\n",
    "token": b"235 2.7.0 Authentication successful\r\n",
    "QUIT": b"221 2.0.0 Service closing transmission channel\r\n",
}


def certificate(ca: trustme.CA, host: str = "localhost") -> ssl.SSLContext:
    """Return what a server of the name *host* shows."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host).configure_cert(made)
    return made


class SmtpServer(LoopbackServer):
    """
    A server with the certificate of *tls*; a context manager.

    *answers*: what is said to each command (``greeting``, ``EHLO over TLS`` and ``token`` among them); None hangs up. A
    ``token`` that is answered with 334 is followed by the rest once the client took note. *judge*: the answer by the
    user who signs in. After the answer to *last* it hangs up. A *drip* is the pause in seconds after each byte.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        answers: Mapping[str, bytes | None] | None = None,
        *,
        judge: Callable[[str], bytes] | None = None,
        drip: float = 0.0,
        last: str = "",
    ) -> None:
        """Take a free port."""
        super().__init__(drip=drip)
        self.answers = {**_DEFAULTS, **(answers or {})}
        self.received = b""
        #: The part of it that came before TLS.
        self.in_clear = b""
        self.users: list[str] = []
        self._tls = tls
        self._judge = judge
        self._last = last
        self.address = f"localhost:{self.port}"

    @property
    def commands(self) -> list[str]:
        """The commands that came, without arguments; a response is itself."""
        words = [line.split()[0] for line in self.received.decode("latin-1").splitlines() if line.strip()]
        return [word.upper() if word.upper() in _DEFAULTS else word for word in words]

    def converse(self, plain: socket.socket) -> None:
        """Talk in clear, and over TLS from STARTTLS on."""
        if self._say(plain, "greeting") and self._talk(plain, is_secure=False):
            self.in_clear = self.received
            with self._tls.wrap_socket(plain, server_side=True) as secure:
                self._talk(secure, is_secure=True)

    def _talk(self, client: socket.socket, *, is_secure: bool) -> bool:
        """Answer commands; say whether TLS shall begin."""
        lines = client.makefile("rb")
        for line in lines:
            self.received += line
            verb = line.split()[0].decode("latin-1").upper() if line.strip() else ""
            if not self._say(client, "EHLO over TLS" if is_secure and verb == "EHLO" else verb):
                break
            if verb == "STARTTLS" and (self.answers[verb] or b"").startswith(b"220"):
                return True
            if verb == "AUTH" and (self.answers[verb] or b"").startswith(b"334"):
                response = lines.readline()
                self.received += response
                if not self._conclude(client, response):
                    break
                if (self.answers["token"] or b"").startswith(b"334"):
                    self.received += lines.readline()
                    self.send(client, (self.answers["token"] or b"").partition(b"\n")[2])
        return False

    def _conclude(self, client: socket.socket, response: bytes) -> bool:
        self.users += users_in(response)
        if self._judge is None:
            return self._say(client, "token")
        self.send(client, self._judge(self.users[-1] if self.users else ""))
        return True

    def _say(self, client: socket.socket, what: str) -> bool:
        """Give the answer to *what*; say whether to go on."""
        answer = self.answers.get(what, b"500 5.3.3 Unrecognized command\r\n")
        if answer is None:
            return False
        self.send(client, answer.partition(b"\n")[0] + b"\n" if answer.startswith(b"334") else answer)
        return what not in (self._last, "QUIT")
