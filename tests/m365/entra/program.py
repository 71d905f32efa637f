"""A program that sends OAuth requests by hand, also those that MSAL never sends."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from .clients import THUNDERBIRD
from .keys import base64url

if TYPE_CHECKING:
    import requests

    from .server import Entra

IMAP = "https://outlook.office.com/IMAP.AccessAsUser.All"
SMTP = "https://outlook.office.com/SMTP.Send"


class Program:
    """One client of *entra* below *tenant*, with one PKCE verifier and one state."""

    def __init__(self, entra: Entra, http: requests.Session, tenant: str = "common") -> None:
        """Use Thunderbird's client id."""
        self.entra = entra
        self.http = http
        self.tenant = tenant
        self.client_id = THUNDERBIRD
        self.redirect_uri = "https://localhost"
        self.scope = f"{IMAP} {SMTP} openid profile offline_access"
        self.state = secrets.token_urlsafe(8)
        self.verifier = secrets.token_urlsafe(48)

    def url(self, path: str) -> str:
        """Return an address below the tenant."""
        return f"{self.entra.authority_for(self.tenant)}/{path}"

    def address(self, **changes: str) -> str:
        """Return the address that a person opens; *changes* add parameters or replace them."""
        challenge = base64url(hashlib.sha256(self.verifier.encode()).digest())
        query = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "nonce": "a nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.url('oauth2/v2.0/authorize')}?{urlencode(query | changes)}"

    def post(self, path: str = "oauth2/v2.0/token", **form: str) -> requests.Response:
        """Post *form* with the client id."""
        return self.http.post(self.url(path), data={"client_id": self.client_id} | form, timeout=10)

    def redeem(self, landing: str | None, **changes: str) -> requests.Response:
        """Redeem the code in the address where a sign-in ended."""
        form = {
            "grant_type": "authorization_code",
            "code": parameters(landing)["code"],
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return self.post(**(form | changes))

    def refresh(self, refresh_token: str, **changes: str) -> requests.Response:
        """Use a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": self.scope}
        return self.post(**(form | changes))


def parameters(address: str | None) -> dict[str, str]:
    """Return the parameters of a redirect, from its query or its fragment."""
    parts = urlsplit(address or "")
    return dict(parse_qsl(parts.query or parts.fragment))
