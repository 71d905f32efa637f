"""The user and access token in a client's message of XOAUTH2."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jwt


@dataclass(frozen=True)
class Bearer:
    """The mailbox asked for (*user*), and the token, which nobody has checked yet."""

    user: str
    token: str

    @cached_property
    def claims(self) -> dict[str, Any]:
        """The token's claims; an opaque one has none."""
        try:
            return dict(jwt.decode(self.token, options={"verify_signature": False}))
        except jwt.DecodeError:
            return {}

    @property
    def identity(self) -> str:
        """
        Who signed in, which need not be the address of the mailbox.

        For an application with the permission to open mailboxes its id (Microsoft: "IMAP.AccessAsApp").
        """
        is_application = "upn" not in self.claims and "IMAP.AccessAsApp" in self.claims.get("roles", ())
        return str(self.claims.get("appid" if is_application else "upn", ""))

    @property
    def sha256(self) -> str:
        """The token's SHA-256, which identifies it without revealing it."""
        return hashlib.sha256(self.token.encode()).hexdigest()


def read_xoauth2(response: bytes) -> Bearer:
    """
    Read the client's one message of XOAUTH2; raises ValueError where it is not that.

    *response* is base64 of ``user=…^Aauth=Bearer …^A^A`` (Microsoft: "Authenticate an IMAP, POP or SMTP connection
    using OAuth").
    """
    try:
        text = base64.b64decode(response, validate=True).decode()
    except binascii.Error as error:
        raise ValueError("not base64") from error
    user, bearer, *rest = [*text.split("\x01"), ""]
    if not user.startswith("user=") or not bearer.startswith("auth=Bearer ") or rest != ["", "", ""]:
        raise ValueError("not XOAUTH2")
    return Bearer(user.removeprefix("user="), bearer.removeprefix("auth=Bearer "))
