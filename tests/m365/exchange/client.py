"""A small mail program, and a signer of its tokens, for tests that need no Entra."""

from __future__ import annotations

import base64
import imaplib
import smtplib
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    import ssl

    from .server import Exchange


class Signer:
    """Signs access tokens with a key of its own: *issuer* is their claim, *kid* the key's id."""

    def __init__(self, issuer: str, kid: str) -> None:
        """Make a signer with a key of its own."""
        self.issuer = issuer
        self.kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_pem(self) -> bytes:
        """Return the public key as PEM."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self, upn: str, life: float = 600, **claims: str) -> str:
        """Return a token for *upn* that lives *life* seconds from the current full second on."""
        now = int(time.time())
        times = {"iat": now, "exp": now + life}
        person = {"sub": "s", "upn": upn, "appid": "", "idtyp": "user"}  # what each of Microsoft's tokens says
        payload: dict[str, Any] = {"iss": self.issuer, **times, **person, **claims}
        return jwt.encode(payload, self._key, "RS256", headers={"kid": self.kid})


class Client(imaplib.IMAP4_SSL):
    """A mail program that is connected to *exchange*."""

    def __init__(self, exchange: Exchange, trust: ssl.SSLContext) -> None:
        """Connect; nothing is waited for longer than ten seconds."""
        super().__init__(exchange.host, exchange.imap_port, ssl_context=trust, timeout=10)

    def sign_in(self, token: str, user: str) -> None:
        """Send the token when the server asks for it."""
        self.authenticate("XOAUTH2", lambda _: xoauth2(user, token))

    def sign_in_at_once(self, token: str, user: str) -> tuple[str, list[Any]]:
        """Send token and command in one line (SASL-IR), as most programs do and imaplib cannot; return the answer."""
        status, answer = self._simple_command("AUTHENTICATE", "XOAUTH2", initial_response(user, token))
        if status == "OK":
            self.state = "AUTH"
        return status, answer


class Submission(smtplib.SMTP):
    """A mail program that is about to send through *exchange*."""

    def __init__(self, exchange: Exchange) -> None:
        """Connect and greet."""
        super().__init__(exchange.host, exchange.smtp_port, timeout=10)
        self.ehlo()

    def secure(self, trust: ssl.SSLContext) -> None:
        """Go on over TLS."""
        self.starttls(context=trust)
        self.ehlo()


def xoauth2(user: str, token: str) -> bytes:
    """Return the client's message of XOAUTH2, not yet in base64."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


def initial_response(user: str, token: str) -> str:
    """Return the same in base64, as it follows the command."""
    return base64.b64encode(xoauth2(user, token)).decode()
