"""
What an access token says about itself. It is not verified: only the mail server has to trust it.

Microsoft's "Access token claims reference" says what the claims are, and that no client may depend on them: so they
are only used for explanations here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import mail_scopes
from offlineimap_m365.provider import id_token

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

#: Characters of a token that are looked at; real ones have some thousand.
_LONGEST = 65_536
#: Characters of a claim that are shown.
_SHOWN = 100


def read(token: str) -> dict[str, Any] | None:
    """Return the claims of a *token* (RFC 7519 §3); None for an opaque one, as personal accounts have."""
    return id_token.claims_of(token) if len(token) <= _LONGEST else None


def text(claims: dict[str, Any], name: str) -> str:
    """Return the claim *name* as it can be shown, an empty text if it is none."""
    value = claims.get(name)
    return errors.printable(value)[:_SHOWN] if isinstance(value, str) else ""


def names(claims: dict[str, Any]) -> list[str]:
    """Return the names of the person that the token is for, the best first."""
    values = (text(claims, name) for name in ("upn", "preferred_username", "unique_name", "email"))
    return list(dict.fromkeys(filter(None, values)))


def protocols(claims: dict[str, Any]) -> set[str] | None:
    """Return for which of ``imap``, ``smtp``, ``pop`` the token is; None if it names no permissions at all."""
    scp, roles = claims.get("scp"), claims.get("roles")
    if not isinstance(scp, str) and not isinstance(roles, list):
        return None
    names = [*(scp.split() if isinstance(scp, str) else []), *(roles if isinstance(roles, list) else [])]
    return set(filter(None, (mail_scopes.protocol(name) for name in names if isinstance(name, str))))


def asked(account: Account) -> set[str]:
    """Return which protocols the *account* needs a permission for."""
    return {"imap"} if account.is_app_only else set(filter(None, map(mail_scopes.protocol, account.scopes)))


def is_anothers(claims: dict[str, Any], account: Account) -> bool:
    """Is the token for another person than the one who signed in? By the ids if both are known, else by the names."""
    ours, theirs = account.person.get("oid"), claims.get("oid")
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours.lower() != theirs.lower()
    known = [name.lower() for name in names(claims)]
    return bool(account.identity and known) and (account.identity or "").lower() not in known
