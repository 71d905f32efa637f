"""
What a JWT says, whether an ID token can be believed, and which permissions were granted.
"""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds by which this machine's clock may be ahead of the provider's before an ID token counts as expired.
_SKEW = 300
#: Characters of a wrong issuer that are shown.
_MOST_TEXT = 200


def decoded(part: str) -> dict[str, Any] | None:
    """Return the JSON object in *part*, base64 for addresses with or without padding (RFC 4648 §5); None for others."""
    part = part.rstrip("=")
    try:
        content = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), "-_"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def claims_of(token: str) -> dict[str, Any] | None:
    """Return the claims of a JWT, not verified (RFC 7519 §3); None for what is none."""
    parts = token.split(".")
    return decoded(parts[1]) if len(parts) == 3 else None  # noqa: PLR2004 - header, claims, signature (RFC 7515 §3.1)


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
            meaning="Nothing was saved",
            remedy=errors.Remedy("Sign in again", errors.login_command(name)),
        )


def _fault(claims: Mapping[str, Any], issuer: str, client_id: str) -> str:
    audience = claims.get("aud")
    if issuer and claims.get("iss") != issuer:
        return f"it was issued by {str(claims.get('iss'))[:_MOST_TEXT]} instead of {issuer[:_MOST_TEXT]}"
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        return "it was issued for another client id"
    expires = claims.get("exp")
    if not isinstance(expires, (int, float)) or not expires + _SKEW >= time.time():  # NaN is neither
        return "it has expired; this machine's clock may be wrong"
    return ""


def granted(asked: tuple[str, ...], told: object) -> tuple[str, ...] | None:
    """
    Return which of the permissions *asked* for were granted, by what the answer *told* (RFC 6749 §5.1).

    None if it tells nothing, or in words that are not ours (``.default``): then all were.
    """
    if not isinstance(told, str):
        return None
    ends = {scope.rpartition("/")[2].lower() for scope in told.split()}
    return tuple(scope for scope in asked if scope.rpartition("/")[2].lower() in ends) or None
