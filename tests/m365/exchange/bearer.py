"""The user and access token in a client's message of XOAUTH2."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

import jwt


@dataclass(frozen=True)
class Bearer:
    """The mailbox asked for (*user*), the token, and its claims, unchecked."""

    user: str
    token: str
    #: Who signed in, the claim ``upn``; not always the address of the mailbox. Of an application that may open
    #: mailboxes by IMAP the claim ``appid``.
    identity: str
    #: When the token expires, the claim ``exp``, seconds since 1970.
    expires: float

    @property
    def sha256(self) -> str:
        """Return the token's SHA-256, which identifies it without revealing it."""
        return hashlib.sha256(self.token.encode()).hexdigest()


def read_xoauth2(response: bytes) -> Bearer:
    """
    Read the client's one message of XOAUTH2.

    *response* is base64 of ``user=…^Aauth=Bearer …^A^A`` (Microsoft: "Authenticate an IMAP, POP or SMTP connection
    using OAuth"). Raises ValueError where it is not that. An opaque token gives no identity and no end.
    """
    try:
        text = base64.b64decode(response, validate=True).decode()
    except binascii.Error as error:
        raise ValueError("not base64") from error
    user, bearer, *rest = [*text.split("\x01"), ""]
    if not user.startswith("user=") or not bearer.startswith("auth=Bearer ") or rest != ["", "", ""]:
        raise ValueError("not XOAUTH2")
    token = bearer.removeprefix("auth=Bearer ")
    claims = _claims(token)
    return Bearer(user.removeprefix("user="), token, _identity(claims), float(claims.get("exp", 0)))


def _identity(claims: dict[str, Any]) -> str:
    """Return whose token it is; an application without the permission is nobody (Microsoft: IMAP.AccessAsApp)."""
    if "upn" not in claims and "IMAP.AccessAsApp" in claims.get("roles", ()):
        return str(claims.get("appid", ""))
    return str(claims.get("upn", ""))


def _claims(token: str) -> dict[str, Any]:
    """Return the claims of *token*; Dovecot checks them, not this function."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.DecodeError:
        return {}
