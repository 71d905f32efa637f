"""
Whether an ID token may be believed, whom it names, and what was granted; who was meant is for ``login`` to judge.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds by which this machine's clock may be ahead of the provider's before an ID token counts as expired.
_SKEW = 300
#: Characters of a wrong issuer that are shown.
_MOST_TEXT = 200
#: The token service of an organisation, as the claim *idp* names where a guest is at home.
_AT_HOME = re.compile(r"https://(?:sts\.windows\.net|login\.[a-z.]+)/([0-9a-f-]{36})(?:/|/v2\.0)?", re.IGNORECASE)
#: What Microsoft calls a guest: the address at home, its @ replaced (entra-docs, user-properties: UserPrincipalName).
_EXTERNAL = re.compile(r"(?:.*_)?([A-Za-z0-9.-]+)#EXT#@.*", re.IGNORECASE)
#: The claim *idp* of whoever has a personal account, and of guests who are at home in no organisation of Microsoft's.
_PERSONAL, _STRANGERS = frozenset({"live.com", "https://login.live.com"}), frozenset({"mail", "google.com"})


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
        return f"it was issued by {str(claims.get('iss'))[:_MOST_TEXT]} instead of {issuer[:_MOST_TEXT]}"
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        return "it was issued for another client id"
    expires = claims.get("exp")
    if not isinstance(expires, (int, float)) or not expires + _SKEW >= time.time():  # NaN is neither
        return "it has expired; this machine's clock may be wrong"
    return ""


def home_of_guest(claims: Mapping[str, Any], personal: str) -> str | None:
    """
    Return where a guest is at home: a tenant's id or domain, ``consumers``, or an empty text; None for all others.

    *personal* is the tenant of all personal accounts, whose owners are nobody's guests. Told by *idp*, which differs
    from the tenant for guests only; *acct*, 1 for a guest; or a name with ``#EXT#`` in it (entra-docs:
    id-token-claims-reference, optional-claims-reference).
    """
    tenant, idp = str(claims.get("tid", "")), str(claims.get("idp", ""))
    if not tenant or tenant == personal:
        return None
    if idp.lower() in _PERSONAL:
        return "consumers"
    elsewhere = _AT_HOME.fullmatch(idp)
    if elsewhere and elsewhere.group(1).lower() != tenant.lower():
        return _named(elsewhere.group(1), personal)
    names = (_EXTERNAL.fullmatch(str(claims.get(name, ""))) for name in ("upn", "preferred_username"))
    external = next(filter(None, names), None)
    if external:
        return external.group(1)
    return "" if claims.get("acct") == 1 or idp.lower() in _STRANGERS else None


def _named(tenant: str, personal: str) -> str:
    """Return ``consumers`` for the tenant of all personal accounts, any other as it is."""
    return "consumers" if tenant.lower() == personal else tenant


def granted(asked: tuple[str, ...], told: object) -> tuple[str, ...] | None:
    """
    Return which of the permissions *asked* for were granted, by what the answer *told* (RFC 6749 §5.1).

    None if it tells nothing, or in words that are not ours (``.default``): then all were.
    """
    if not isinstance(told, str):
        return None
    ends = {scope.rpartition("/")[2].lower() for scope in told.split()}
    return tuple(scope for scope in asked if scope.rpartition("/")[2].lower() in ends) or None
