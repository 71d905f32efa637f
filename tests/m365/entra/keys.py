"""The signing key of the tenant."""

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


def base64url(data: bytes) -> str:
    """Return *data* in base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
