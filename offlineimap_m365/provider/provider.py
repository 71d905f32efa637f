"""
The provider that is asked, and its answers: a provider with its OpenID configuration, a sign-in, a device code.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.provider.http_client import get_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.profiles import Account


@dataclasses.dataclass(frozen=True)
class Provider:
    """
    Who is asked: *client_id* at *authority*, for *scopes*.

    *endpoints* is the kept OpenID configuration of a custom authority; None for Microsoft's own hosts, whose one
    follows a template and is never asked for. *credential* is where a confidential client's secret or certificate is.
    """

    client_id: str
    authority: str
    scopes: tuple[str, ...]
    endpoints: Mapping[str, str] | None = None
    credential: Mapping[str, str] | None = None

    @classmethod
    def of(cls, account: Account) -> Provider:
        """Return the provider at which *account* signed in."""
        return cls(account.client_id, account.authority, account.scopes, account.endpoints, account.credential)

    def configuration(self) -> Mapping[str, str]:
        """Return the OpenID configuration, from the profile or by Microsoft's template."""
        if self.endpoints:
            return self.endpoints
        base = f"{self.authority}/oauth2/v2.0"
        return {
            "issuer": f"https://{urlsplit(self.authority).netloc}/{{tenantid}}/v2.0",
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "device_authorization_endpoint": f"{base}/devicecode",
        }


@dataclasses.dataclass(frozen=True)
class SignIn:
    """
    Somebody signed in: the claims of their ID token, and the cache that would be kept.

    *scopes* are those of the permissions asked for that were granted; None if the answer does not tell.
    *certificate_ends* is when the client's certificate does, in seconds since 1970; None without one.
    """

    claims: Mapping[str, Any] = dataclasses.field(repr=False)
    cache: bytes = dataclasses.field(repr=False)
    scopes: tuple[str, ...] | None = dataclasses.field(default=None, repr=False)
    certificate_ends: float | None = dataclasses.field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        """The names under which the person is known, most telling first."""
        names = [self.claims.get(claim) for claim in ("preferred_username", "upn", "email")]
        return [name for name in names if isinstance(name, str) and name]

    @property
    def person(self) -> dict[str, str]:
        """The tenant's and the person's ids; without Entra's, the issuer and subject (OpenID Connect Core §2)."""
        claims = self.claims
        if claims.get("tid") and claims.get("oid"):
            return {"tid": str(claims["tid"]), "oid": str(claims["oid"])}
        return {"iss": str(claims.get("iss", "")), "sub": str(claims.get("sub", ""))}


@dataclasses.dataclass(frozen=True)
class DeviceCode:
    """What a person types where: *user_code* at *address*, within *seconds*."""

    user_code: str
    address: str
    seconds: int
    flow: dict[str, Any] = dataclasses.field(repr=False)


def discover(authority: str) -> dict[str, str]:
    """
    Request the OpenID configuration of *authority* (https, without a trailing slash) and return the part that is kept.

    Entra serves it below ``/v2.0``, other providers directly (OpenID Connect Discovery 1.0 §4). Raises Temporary,
    and Misconfigured if there is none, if it lacks what is needed, or if an endpoint is not https.
    """
    needed = ("issuer", "authorization_endpoint", "token_endpoint")
    fault = "is not there"
    for base in (f"{authority}/v2.0", authority):
        document = get_json(f"{base}/.well-known/openid-configuration")
        names = (*needed, "device_authorization_endpoint")
        endpoints = {name: document[name] for name in names if isinstance(document.get(name), str) and document[name]}
        missing = [name for name in needed if name not in endpoints]
        insecure = [url for name, url in endpoints.items() if name != "issuer" and not url.startswith("https://")]
        if not missing and not insecure:
            return endpoints
        if document:
            fault = f"names an address that is not https: {insecure[0]}" if insecure else f"names no {missing[0]}"
    raise errors.Misconfigured(
        f"The OpenID configuration of {authority} {fault}",
        meaning="Without it, who signed in and who receives the token cannot be checked",
        remedy=Remedy("Correct what --authority names, or ask its administrator to repair the configuration"),
    )
