"""
Where a guest is at home: the mailbox is there, and not in the organisation that invited them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The token service of an organisation, as the claim *idp* names where a guest is at home.
_AT_HOME = re.compile(r"https://(?:sts\.windows\.net|login\.[a-z.]+)/([0-9a-f-]{36})(?:/|/v2\.0)?", re.IGNORECASE)
#: What Microsoft calls a guest: the address at home, its @ replaced (entra-docs, user-properties: UserPrincipalName).
_EXTERNAL = re.compile(r"(?:.*_)?([A-Za-z0-9.-]+)#EXT#@.*", re.IGNORECASE)
#: The claim *idp* of a person with a personal account, and of guests who are at home in no organisation of Microsoft's.
_PERSONAL, _STRANGERS = frozenset({"live.com", "https://login.live.com"}), frozenset({"mail", "google.com"})


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
