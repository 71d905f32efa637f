"""
Mail servers on loopback that say what a test wants, right or wrong, and write down all that they are sent.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
from typing import TYPE_CHECKING, ClassVar

from tests.loopback_server import LoopbackServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping

    import trustme

#: What Exchange Online says over IMAP (mutt_oauth2.py, neomutt#2927).
CAPABILITY = b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR\r\nTAG OK done\r\n"
OK = b"TAG OK done\r\n"
#: What it says to a user with a token and no mailbox (simonrob/email-oauth2-proxy#74), and over SMTP.
NOT_CONNECTED = b"TAG BAD User is authenticated but not connected.\r\n"
NOT_TAKEN = b"535 5.7.3 Authentication unsuccessful [AM0PR06CA0126.eurprd06.prod.outlook.com]\r\n"


class MailServer(LoopbackServer):
    """
    A server with a certificate of *ca* for *host*; a context manager.

    *answers*: what is sent to each command, and as ``greeting``; None hangs up. After the answer to *last* it hangs
    up. *opens*: the users who are let in; all if it is None. A *drip* is the pause in seconds after each byte.
    """

    defaults: ClassVar[dict[str, bytes | None]] = {}

    def __init__(
        self,
        ca: trustme.CA,
        answers: Mapping[str, bytes | None] | None = None,
        *,
        host: str = "localhost",
        opens: Collection[str] | None = None,
        drip: float = 0.0,
        last: str = "",
    ) -> None:
        """Take a free port."""
        super().__init__()
        self.drip = drip
        self.answers = {**self.defaults, **(answers or {})}
        self.opens = opens
        self.last = last
        self.received = b""
        self.users: list[str] = []
        self.address = f"localhost:{self.port}"
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(host).configure_cert(self.tls)

    @property
    def is_refusing(self) -> bool:
        """Is the user who signed in last not let in?"""
        return self.opens is not None and bool(self.users) and self.users[-1] not in self.opens

    def send(self, client: socket.socket, answer: bytes) -> None:
        """Send *answer*, byte by byte if this server drips, until it is left."""
        pieces = [bytes([byte]) for byte in answer] if self.drip else [answer]
        for piece in pieces:
            client.sendall(piece)
            if self._ended.wait(self.drip):
                return

    def note(self, response: bytes) -> None:
        """Write down a *response* of XOAUTH2 and its user."""
        self.received += response
        with contextlib.suppress(ValueError):
            self.users.append(base64.b64decode(response).decode().partition("\x01")[0].removeprefix("user="))


class ImapServer(MailServer):
    """An IMAP server. In answers TAG stands for the command's tag; what is not named is answered with OK."""

    defaults: ClassVar[dict[str, bytes | None]] = {
        "greeting": b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n",
        "CAPABILITY": CAPABILITY,
    }

    @property
    def commands(self) -> list[str]:
        """The commands that came, without tags and arguments."""
        lines = self.received.decode("latin-1").splitlines()
        return [line.split()[1] for line in lines if len(line.split()) > 1]

    def converse(self, plain: socket.socket) -> None:
        """Talk over TLS."""
        with self.tls.wrap_socket(plain, server_side=True) as client:
            self.send(client, self.answers["greeting"] or b"")
            if self.last != "greeting":
                self._talk(client)

    def _talk(self, client: ssl.SSLSocket) -> None:
        with client.makefile("rb") as lines:
            for line in lines:
                self.received += line
                tag, verb, *_ = [*line.split(), b"", b""]
                if verb == b"AUTHENTICATE":
                    self.send(client, b"+ \r\n")
                    self.note(lines.readline())
                answer = self.answers.get(verb.decode("latin-1"), OK)
                if self.is_refusing and verb in {b"LIST", b"EXAMINE"}:
                    answer = NOT_CONNECTED
                if answer is None:
                    return
                before, challenge, after = answer.partition(b"+ ")
                if verb == b"AUTHENTICATE" and challenge:
                    self.send(client, before + challenge + after.partition(b"\n")[0] + b"\n")
                    self.received += lines.readline()
                    answer = after.partition(b"\n")[2]
                self.send(client, answer.replace(b"TAG", tag))
                if verb == self.last.encode():
                    return


class SmtpServer(MailServer):
    """
    A server for sending. In *answers* ``EHLO over TLS`` and ``token`` have their own.

    A ``token`` that is answered with 334 is followed by the rest once the client took note.
    """

    #: What Exchange Online says of itself (simonrob/email-oauth2-proxy#297; nodemailer#1484).
    defaults: ClassVar[dict[str, bytes | None]] = {
        "greeting": b"220 localhost Microsoft ESMTP MAIL Service ready\r\n",
        "EHLO": b"250-localhost Hello [127.0.0.1]\r\n250-SIZE 157286400\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n",
        "STARTTLS": b"220 2.0.0 SMTP server ready\r\n",
        "EHLO over TLS": b"250-localhost Hello [127.0.0.1]\r\n250-AUTH LOGIN XOAUTH2\r\n250 SMTPUTF8\r\n",
        "AUTH": b"334 \r\n",
        "token": b"235 2.7.0 Authentication successful\r\n",
        "QUIT": b"221 2.0.0 Service closing transmission channel\r\n",
    }

    @property
    def commands(self) -> list[str]:
        """The commands that came, without arguments; a response is itself."""
        words = [line.split()[0] for line in self.received.decode("latin-1").splitlines() if line.strip()]
        return [word.upper() if word.upper() in self.defaults else word for word in words]

    def converse(self, plain: socket.socket) -> None:
        """Talk in clear, and over TLS from STARTTLS on."""
        if self._say(plain, "greeting") and self._talk(plain, is_secure=False):
            with self.tls.wrap_socket(plain, server_side=True) as secure:
                self._talk(secure, is_secure=True)

    def _talk(self, client: socket.socket, *, is_secure: bool) -> bool:
        """Answer commands; say whether TLS shall begin."""
        lines = client.makefile("rb")
        for line in lines:
            self.received += line
            verb = line.split()[0].decode("latin-1").upper() if line.strip() else ""
            if not self._say(client, "EHLO over TLS" if is_secure and verb == "EHLO" else verb):
                break
            answer = self.answers.get(verb) or b""
            if verb == "STARTTLS" and answer.startswith(b"220"):
                return True
            if verb == "AUTH" and answer.startswith(b"334"):
                self.note(lines.readline())
                if not self._say(client, "token"):
                    break
                if (self.answers["token"] or b"").startswith(b"334"):
                    self.received += lines.readline()
                    self.send(client, (self.answers["token"] or b"").partition(b"\n")[2])
        return False

    def _say(self, client: socket.socket, what: str) -> bool:
        """Give the answer to *what*; say whether to go on."""
        answer = self.answers.get(what, b"500 5.3.3 Unrecognized command\r\n")
        if what == "token" and self.is_refusing:
            answer = NOT_TAKEN
        if answer is None:
            return False
        self.send(client, answer.partition(b"\n")[0] + b"\n" if answer.startswith(b"334") else answer)
        return what not in (self.last, "QUIT")
