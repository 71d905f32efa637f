"""What the server remembers: codes, grants and refresh tokens, as Authlib wants them, requests, and ordered answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .clients import Client
    from .people import Person

#: The page of a hotel's network.
CAPTIVE_PORTAL = (
    "<!DOCTYPE html><html><head><title>Guest network</title></head>"
    "<body><h1>Welcome</h1><p>Accept the terms of use to go online.</p></body></html>"
)

Body = str | bytes | Mapping[str, object]
Drop = Literal["before", "after"]


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


@dataclass
class Request:
    """
    One request as it arrived.

    Of its query and form only what is no secret is kept. *authorization* is the scheme of such a header. *status* is
    what was answered, 0 while it is being worked on or when the connection was dropped instead.
    """

    method: str
    host: str
    path: str
    grant_type: str | None = None
    client_id: str | None = None
    scope: str | None = None
    claims: str | None = None
    authorization: str | None = None
    status: int = 0

    def is_for(self, what: str) -> bool:
        """Return whether *what* is its grant type (the last word of it will do) or the end of its path."""
        grant = self.grant_type or ""
        return what == grant or (bool(grant) and what == grant.rpartition(":")[2]) or self.path.endswith(what)


@dataclass
class Answer:
    """
    One ordered answer.

    *code* is an AADSTS number: Entra's error body, or its error page where a browser asks, or with *status* 302 the
    way back to the program. *drop* ends the connection without an answer: ``before`` anything happened, or ``after``
    the request was worked on.
    """

    endpoint: str
    times: int
    status: int | None = None
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    code: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    drop: Drop | None = None

    def is_for(self, request: Request) -> bool:
        """Return whether this answer belongs to *request*."""
        return self.times > 0 and request.is_for(self.endpoint)

    def payload(self) -> tuple[bytes, str]:
        """Return body and content type."""
        if isinstance(self.body, Mapping):
            return json.dumps(dict(self.body)).encode(), "application/json; charset=utf-8"
        body = self.body.encode() if isinstance(self.body, str) else self.body or b""
        return body, "text/html; charset=utf-8"
