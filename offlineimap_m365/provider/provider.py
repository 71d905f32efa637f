"""
The provider that is asked, with its OpenID configuration.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offlineimap_m365.knowledge import explain

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


def situation_of(account: Account) -> explain.Situation:
    """Return how *account* signed in last, for an explanation and for advice about another way."""
    return explain.Situation(
        account.name,
        account.client_id,
        account.tenant,
        account.redirect_uri,
        account.is_personal,
        account.flow or "paste",
        account.scopes,
        account.cloud,
        account.chosen,
    )
