"""
Read a cache in MSAL's own JSON without MSAL: its access token and its refresh token.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from offlineimap_m365.base import fresh_token


@dataclasses.dataclass(frozen=True)
class AccessToken:
    """An access token, and when it was issued and expires in seconds since 1970."""

    value: str = dataclasses.field(repr=False)
    cached_at: int
    expires_on: int

    @property
    def life(self) -> int:
        """How many seconds it lived when issued."""
        return self.expires_on - self.cached_at

    def is_good(self, margin: int, now: float) -> bool:
        """Does it live for *margin* seconds more, and is it not of this clock's future?"""
        return self.cached_at <= now + fresh_token.SKEW and now + margin <= self.expires_on


def parse(data: bytes) -> dict[str, Any]:
    """Return the cache in *data*; raises ValueError if it is none, or not as written here."""
    try:
        cache = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    fresh_token.pick(cache)
    _newest_refresh_token(cache)
    return dict(cache)


def access_token(data: bytes | None, written_at: float | None = None) -> AccessToken | None:
    """
    Return the access token of a cache, expired or not; raises ValueError as parse() does.

    *written_at* is when the store was written, by the clock of the store (see fresh_token.corrected()).
    """
    entry = fresh_token.pick(parse(data)) if data is not None else None
    if entry is None:
        return None
    entry = entry if written_at is None else fresh_token.corrected(entry, written_at)
    return AccessToken(entry["secret"], int(entry["cached_at"]), int(entry["expires_on"]))


def issued(data: bytes) -> AccessToken:
    """Return the access token of a cache that was made by only(); raises ValueError if it has none."""
    token = access_token(data)
    if token is None:
        raise ValueError("no access token")
    return token


def refresh_token(data: bytes | None) -> str | None:
    """Return the newest refresh token of a cache; raises ValueError as parse() does."""
    return _newest_refresh_token(parse(data)) if data is not None else None


def only(content: dict[str, Any], access_token: str) -> bytes:
    """
    Return a cache that MSAL filled with this access token only, and the newest refresh token.

    MSAL never removes what it no longer uses, and files an answer without client_info and ID token under nobody.
    Raises ValueError for what could not be read again.
    """
    account: dict[str, Any] = next(iter(content.get("Account", {}).values()), {})
    owner = str(account.get("home_account_id") or "")
    tokens: dict[str, Any] = {}
    for key, entry in content.get("AccessToken", {}).items():
        if entry.get("secret") == access_token:
            is_nobodys = entry.get("home_account_id") is None and owner
            tokens |= {owner.lower() + key: {**entry, "home_account_id": owner}} if is_nobodys else {key: entry}
    refresh_tokens = content.get("RefreshToken", {})
    newest = max(refresh_tokens, key=lambda key: _modified(refresh_tokens[key]), default=None)
    cache = {**content, "AccessToken": tokens, "RefreshToken": {newest: refresh_tokens[newest]} if newest else {}}
    data = json.dumps(cache, indent=1).encode("ascii")
    issued(data)
    return data


def _modified(entry: dict[str, Any]) -> int:
    return fresh_token.seconds(entry.get("last_modification_time") or 0)


def _newest_refresh_token(cache: dict[str, Any]) -> str | None:
    tokens = []
    for entry in cache.get("RefreshToken", {}).values():
        if not isinstance(entry, dict) or not fresh_token.is_secret(entry.get("secret")):
            raise ValueError("not an MSAL cache")
        tokens.append((_modified(entry), str(entry["secret"])))
    return max(tokens)[1] if tokens else None
