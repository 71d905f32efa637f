"""People who can sign in, the organisations (tenants) they belong to, and the clouds where those live."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Literal

#: The tenant of all personal accounts (Microsoft: "ID token claims reference", claim *tid*).
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
#: What comes after the password: nothing, the consent page once per client, "Need admin approval".
Consent = Literal["granted", "ask", "admin"]


@dataclass(eq=False)
class Person:
    """
    A person with a password.

    *address* is the mail address, *upn* the name signed in with: at many universities not the same.
    *blocked* is an AADSTS number shown as an error page after the password. *opaque* makes access tokens unreadable,
    as those of personal accounts. *demands* are claims without which every refresh is refused (AADSTS50076).
    *withheld* are permissions that nobody approved, such as ``SMTP.Send``.
    """

    address: str
    password: str
    upn: str
    tenant: str
    consent: Consent = "granted"
    opaque: bool = False
    oid: str = field(default_factory=lambda: str(uuid.uuid4()))
    blocked: int | None = None
    demands: str | None = None
    withheld: frozenset[str] = frozenset()
    consented: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Their name."""
        return self.address.partition("@")[0].title()

    def has_consented(self, client_id: str) -> bool:
        """Return whether this client needs no consent page."""
        return self.consent == "granted" or client_id in self.consented

    def subject(self, client_id: str) -> str:
        """Return the *sub* claim: another one per client (Microsoft: "ID token claims reference")."""
        return uuid.uuid5(uuid.UUID(self.oid), client_id).hex


#: Names that the certificate holds besides localhost: Microsoft's, for tests that come through a proxy.
LOGIN_HOSTS = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")


@dataclass(frozen=True)
class Region:
    """
    The cloud of a tenant, in the words of its OpenID configuration.

    *host* is where its people sign in. Other hosts describe it all the same, and refuse to sign anybody in (Microsoft:
    "B2B collaboration in government and national clouds"; AADSTS90038).
    """

    host: str
    instance: str
    scope: str
    sub_scope: str | None = None


USGOV = Region("login.microsoftonline.us", "microsoftonline.us", "USGov", "DODCON")
DOD = Region("login.microsoftonline.us", "microsoftonline.us", "USGov", "DOD")
CHINA = Region("login.partner.microsoftonline.cn", "partner.microsoftonline.cn", "AS")
