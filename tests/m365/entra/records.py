"""What the server remembers: codes, device codes, grants and refresh tokens as Authlib wants them, and requests."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clients import Client
    from .people import Person


@dataclass(eq=False)
class Code:
    """An authorisation code (RFC 6749 §4.1.2); *asked* are the parameters of the request for it."""

    asked: Mapping[str, str]
    person: Person
    tenant: str
    made_at: float = field(default_factory=time.time)
    used: bool = False

    def get_redirect_uri(self) -> str:
        """Return where the code was sent."""
        return self.asked["redirect_uri"]

    def get_scope(self) -> str:
        """Return what was asked for."""
        return self.asked.get("scope", "")

    @property
    def code_challenge(self) -> str | None:
        """Return the PKCE challenge (RFC 7636 §4.4)."""
        return self.asked.get("code_challenge")

    @property
    def code_challenge_method(self) -> str | None:
        """Return how the challenge was made."""
        return self.asked.get("code_challenge_method")


@dataclass(eq=False)
class Grant:
    """What one sign-in allowed one client, after it proved *claims*; *refusal* is the AADSTS number that ended it."""

    person: Person
    client_id: str
    scope: str
    refusal: int | None = None
    claims: str | None = None


@dataclass(eq=False)
class RefreshToken:
    """One refresh token of a grant; *rotated* once it was used."""

    grant: Grant
    rotated: bool = False

    def check_client(self, client: Client) -> bool:
        """Return whether it was issued to *client*."""
        return client.client_id == self.grant.client_id

    def get_scope(self) -> str:
        """Return what the grant allows."""
        return self.grant.scope


@dataclass(eq=False)
class DeviceCode:
    """A device code (RFC 8628 §3.2); *person* and *approved* once somebody answered."""

    user_code: str
    client_id: str
    scope: str
    expires_at: float
    interval: float
    person: Person | None = None
    approved: bool | None = None
    used: bool = False
    polled_at: float = 0

    def get_client_id(self) -> str:
        """Return who asked for it."""
        return self.client_id

    def get_scope(self) -> str:
        """Return what was asked for."""
        return self.scope

    def get_user_code(self) -> str:
        """Return what the person types in."""
        return self.user_code

    def is_expired(self) -> bool:
        """Return whether its time is over."""
        return time.time() > self.expires_at

    def is_polled_too_fast(self) -> bool:
        """Note that somebody asks now; return whether the last time was less than half an interval ago."""
        now, before = time.monotonic(), self.polled_at
        self.polled_at = now
        return bool(before) and now - before < self.interval / 2


@dataclass
class Request:
    """
    One request as it arrived.

    *names* are the names of its query and form fields; of their values only *grant_type*, *client_id*,
    *scope*, *login_hint*, *prompt* and *claims* are kept. *authorization* is the scheme of such a header.
    *status* is what was answered, 0 while it is being worked on or when the connection was dropped instead.
    """

    method: str
    host: str
    path: str
    names: tuple[str, ...] = ()
    grant_type: str | None = None
    client_id: str | None = None
    scope: str | None = None
    login_hint: str | None = None
    prompt: str | None = None
    claims: str | None = None
    authorization: str | None = None
    status: int = 0

    def is_for(self, what: str) -> bool:
        """Return whether *what* is its grant type (the last word of it will do) or the end of its path."""
        grant = self.grant_type or ""
        return what == grant or (bool(grant) and what == grant.rpartition(":")[2]) or self.path.endswith(what)
