"""What is read of MSAL's cache, and what is left of it after a refresh."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offlineimap_m365.provider import msal_cache

OWNER = "Oid.Tid"


def token(secret: str, owner: str | None = OWNER) -> dict[str, Any]:
    """Return an access token as MSAL stores it."""
    return {"secret": secret, "cached_at": "1000", "expires_on": "4600", "home_account_id": owner, "target": "imap"}


def grant(secret: str, modified: object = "1000") -> dict[str, Any]:
    """Return a refresh token as MSAL stores it."""
    return {"secret": secret, "last_modification_time": modified, "home_account_id": OWNER}


def content(tokens: dict[str, Any], grants: dict[str, Any], owner: str | None = OWNER) -> dict[str, Any]:
    """Return a cache with these tokens."""
    account = {"account": {"home_account_id": owner}} if owner else {}
    return {"AccessToken": tokens, "RefreshToken": grants, "Account": account, "AppMetadata": {"x": 1}}


def test_only_the_new_token_and_the_newest_grant_are_left() -> None:
    """Whatever stood beside them is gone; the rest of the cache is as it was."""
    tokens = {name: token(name) for name in ("a-older", "new", "z-other")}
    grants = {"one": grant("old", "999"), "two": grant("newest", "2000"), "three": grant("undated", None)}

    data = msal_cache.only(content(tokens, grants), "new")

    cache = json.loads(data)
    assert cache["AccessToken"] == {"new": tokens["new"]}
    assert cache["RefreshToken"] == {"two": grants["two"]}
    assert (cache["Account"], cache["AppMetadata"]) == (content({}, {})["Account"], {"x": 1})
    assert msal_cache.issued(data) == msal_cache.AccessToken("new", 1000, 4600)
    assert msal_cache.access_token(data) == msal_cache.issued(data)
    assert msal_cache.refresh_token(data) == "newest"


@pytest.mark.parametrize(
    ("owner", "of_token", "becomes"), [(OWNER, None, OWNER), (OWNER, "other", "other"), (None, None, None)]
)
def test_a_token_of_nobody_becomes_the_accounts(owner: str | None, of_token: str | None, becomes: str) -> None:
    """MSAL files an answer without an ID token under nobody and would not find it again."""
    data = msal_cache.only(content({"-host": token("new", of_token)}, {}, owner), "new")

    key = f"{OWNER.lower()}-host" if becomes == OWNER else "-host"
    assert json.loads(data)["AccessToken"] == {key: token("new", becomes)}
    assert msal_cache.refresh_token(data) is None


def test_a_cache_without_the_token_is_none() -> None:
    """What could not be read again is never written."""
    with pytest.raises(ValueError, match="no access token"):
        msal_cache.only(content({"x": token("old")}, {}), "new")


def test_what_is_no_cache() -> None:
    """Anything else than MSAL's JSON is a ValueError, at any depth; a store without a cache has no token."""
    assert (msal_cache.access_token(None), msal_cache.refresh_token(None)) == (None, None)
    damaged = [json.dumps(content({}, {"x": entry})).encode() for entry in (grant(""), "no entry")]
    for data in (b"", b"[]", b"[" * 100_000, *damaged):
        for read in (msal_cache.parse, msal_cache.access_token, msal_cache.refresh_token, msal_cache.issued):
            with pytest.raises(ValueError):  # noqa: PT011 - json's and ours
                read(data)


@pytest.mark.parametrize(
    ("margin", "now", "is_good"),
    [(0, 4600, True), (1, 4600, False), (0, 939.5, False), (0, 940, True), (300, 4300, True), (300, 4301, False)],
)
def test_how_long_a_token_is_good(margin: int, now: float, *, is_good: bool) -> None:
    """Until it expires, less the margin; not if it is more than a minute of the future (contract §5.8)."""
    found = msal_cache.AccessToken("x", 1000, 4600)

    assert found.is_good(margin, now) == is_good
    assert found.life == 3600
    assert "x" not in repr(found).replace("expires_on", "")
