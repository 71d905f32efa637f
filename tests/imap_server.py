"""An IMAP server on loopback that says what a test wants, right or wrong, and writes down all that it is sent."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from tests.loopback_server import LoopbackServer, users_in

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping

    import trustme

#: What Exchange Online says of itself (mutt_oauth2.py, neomutt#2927).
GREETING = b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n"
CAPABILITY = b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR\r\nTAG OK done\r\n"
OK = b"TAG OK done\r\n"
#: What it says to a user with a token and no mailbox (simonrob/email-oauth2-proxy#74).
NOT_CONNECTED = b"TAG BAD User is authenticated but not connected.\r\n"


class ImapServer(LoopbackServer):
    """
    A server with a certificate of *ca*; a context manager.

    *answers*: for each command what is sent, with TAG for its tag; None hangs up, and what is not named is answered
    with OK. After the answer to *last* (or ``greeting``) it hangs up. A *drip* is the pause in seconds after each byte.
    *opens*: the mailboxes that open; to the users of others it says NOT_CONNECTED. It listens at *address* and *port*.
    """

    def __init__(
        self,
        ca: trustme.CA,
        answers: Mapping[str, bytes | None] | None = None,
        *,
        greeting: bytes = GREETING,
        host: str = "localhost",
        drip: float = 0.0,
        last: str = "",
        opens: Collection[str] | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Take a free port; *host* is the name in the certificate."""
        super().__init__(address, port, drip=drip)
        self.answers: dict[str, bytes | None] = {"CAPABILITY": CAPABILITY, **(answers or {})}
        self.received = b""
        self._greeting = greeting
        self._last = last
        self.opens = opens
        self.users: list[str] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(host).configure_cert(self._tls)
        self.address = f"localhost:{self.port}"

    @property
    def commands(self) -> list[str]:
        """The commands that came, without tags and arguments."""
        lines = self.received.decode("latin-1").splitlines()
        return [line.split()[1] for line in lines if len(line.split()) > 1]

    def converse(self, plain: socket.socket) -> None:
        """Talk over TLS."""
        with self._tls.wrap_socket(plain, server_side=True) as client:
            self._talk(client)

    def _talk(self, client: ssl.SSLSocket) -> None:
        self.send(client, self._greeting)
        if self._last == "greeting":
            return
        with client.makefile("rb") as lines:
            for line in lines:
                self.received += line
                tag, verb, *_ = [*line.split(), b"", b""]
                if verb == b"AUTHENTICATE":
                    self.send(client, b"+ \r\n")
                    self._take(lines.readline())
                answer = self._answer(verb.decode("latin-1"))
                if answer is None:
                    return
                before, challenge, after = answer.partition(b"+ ")
                if verb == b"AUTHENTICATE" and challenge:
                    self.send(client, before + challenge + after.partition(b"\n")[0] + b"\n")
                    self.received += lines.readline()
                    answer = after.partition(b"\n")[2]
                self.send(client, answer.replace(b"TAG", tag))
                if verb == self._last.encode():
                    return

    def _take(self, response: bytes) -> None:
        self.received += response
        self.users += users_in(response)

    def _answer(self, verb: str) -> bytes | None:
        is_closed = self.opens is not None and bool(self.users) and self.users[-1] not in self.opens
        return NOT_CONNECTED if is_closed and verb in {"LIST", "EXAMINE"} else self.answers.get(verb, OK)
