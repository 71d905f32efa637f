"""
Whether an ID token may be believed; who it names is for ``login`` to judge.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365 import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds by which this machine's clock may be ahead of the provider's before an ID token counts as expired.
_SKEW = 300


def check_claims(claims: Mapping[str, Any], issuer: str, client_id: str, name: str) -> None:
    """
    Check the ID token's iss, aud and exp (OpenID Connect Core §3.1.3.7); MSAL 1.38 and later only decode it.

    *issuer* is the one that the provider's configuration names, with Entra's ``{tenantid}`` where it serves many
    tenants. The signature need not be checked: the token came from the token endpoint itself, over verified TLS
    (ibid., item 6). Raises SignInNeeded, which names the account *name*.
    """
    wrong = _fault(claims, issuer.replace("{tenantid}", str(claims.get("tid", ""))), client_id)
    if wrong:
        raise errors.SignInNeeded(
            f"The ID token for {name} is not accepted: {wrong}",
            account=name,
            meaning="Nothing was kept",
            remedy=f"Run again: {errors.login_command(name)}",
        )


def _fault(claims: Mapping[str, Any], issuer: str, client_id: str) -> str:
    audience = claims.get("aud")
    if issuer and claims.get("iss") != issuer:
        return f"it was issued by {claims.get('iss')} instead of {issuer}"
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        return "it was issued for another client id"
    expires = claims.get("exp")
    if not isinstance(expires, (int, float)) or expires + _SKEW < time.time():
        return "it has expired; this machine's clock may be wrong"
    return ""
