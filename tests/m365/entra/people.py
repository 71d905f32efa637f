"""People who can sign in, and the organisations (tenants) they belong to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Literal

#: The tenant of all personal accounts (Microsoft: "ID token claims reference", claim *tid*).
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"


@dataclass(eq=False)
class Person:
    """
    A person with a password.

    *address* is the mail address, *upn* the name signed in with: at many universities not the same.
    *consent* is ``granted``, ``ask`` (the consent page comes once per client) or ``admin`` ("Need admin
    approval"). *blocked* is an AADSTS number shown as an error page after the password. *opaque* makes
    access tokens unreadable, as those of personal accounts. *demands* are claims without which every refresh is
    refused (AADSTS50076). *withheld* are permissions that nobody approved, such as ``SMTP.Send``.
    """

    address: str
    password: str
    upn: str
    tenant: str
    name: str = ""
    oid: str = field(default_factory=lambda: str(uuid.uuid4()))
    consent: Literal["granted", "ask", "admin"] = "granted"
    blocked: int | None = None
    opaque: bool = False
    demands: str | None = None
    withheld: frozenset[str] = frozenset()
    consented: set[str] = field(default_factory=set)

    def has_consented(self, client_id: str) -> bool:
        """Return whether this client needs no consent page."""
        return self.consent == "granted" or client_id in self.consented

    def subject(self, client_id: str) -> str:
        """Return the *sub* claim: another one per client (Microsoft: "ID token claims reference")."""
        return uuid.uuid5(uuid.UUID(self.oid), client_id).hex

    def puid(self) -> str:
        """Return the *puid* claim, 16 hexadecimal digits."""
        return uuid.UUID(self.oid).hex[:16].upper()
