"""The signing key of the tenant, as Entra publishes it."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Key:
    """An RSA key with its id. Each server has its own unless it is given one."""

    def __init__(self) -> None:
        """Make one (2048 bits, as Entra's)."""
        self.private = generate_private_key(public_exponent=65537, key_size=2048)
        public = self.private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.kid = base64url(hashlib.sha1(der, usedforsecurity=False).digest())
        self.public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def header(self, *, version: str) -> dict[str, str]:
        """Return the JWT header: v1.0 tokens name the key twice (Microsoft: "Access tokens", samples)."""
        header = {"typ": "JWT", "alg": "RS256", "kid": self.kid}
        return header | {"x5t": self.kid} if version == "1.0" else header

    def jwk(self, issuer: str) -> dict[str, str]:
        """Return the key as a row of the key set (RFC 7517 §4, RFC 7518 §6.3; *issuer* is Entra's)."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": base64url(numbers.n.to_bytes(256, "big")),
            "e": base64url(numbers.e.to_bytes(3, "big")),
            "issuer": issuer,
        }


def base64url(data: bytes) -> str:
    """Return *data* in base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
