"""
Accounts that are signed in, made without ``login``, for tests of the folders below it.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import paths, time_words
from offlineimap_m365.provider.provider import Provider
from offlineimap_m365.signin.attempt import Attempt, SignIn
from offlineimap_m365.signin.tenant_discovery import discover
from offlineimap_m365.stores.file import FileStore
from tests.m365.entra import THUNDERBIRD

if TYPE_CHECKING:
    from tests.m365.entra import Entra

ALICE = "alice@example.org"
SCOPES = ("https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send")
#: What a test of the token endpoint counts.
TOKEN = "oauth2/v2.0/token"


#: What an authority says of itself, asked once for each Entra: a tenant's id is never used again.
_discovered = functools.cache(discover)


def provider(entra: Entra) -> Provider:
    """Return the test bed's Entra as ``login --authority`` would know it."""
    return Provider(THUNDERBIRD, entra.authority, SCOPES, dict(_discovered(entra.authority)))


def attempt(entra: Entra, name: str = ALICE) -> SignIn:
    """Sign *name* in by the authorisation code flow; return who that was, and their cache."""
    tried = Attempt(provider(entra), name)
    final = entra.approve(tried.begin("https://localhost", "a state", hint=name), name)
    return tried.redeem(dict(parse_qsl(urlsplit(final).query)))


def describe(entra: Entra, name: str = ALICE) -> profiles.Account:
    """Return the profile of *name*, who signed in a moment ago."""
    return profiles.Account(
        name=name,
        client_id=THUNDERBIRD,
        authority=entra.authority,
        scopes=SCOPES,
        endpoints=dict(provider(entra).endpoints or {}),
        imap="localhost:993",
        smtp="localhost:587",
        redirect_uri="https://localhost",
        identity=name,
        signed_in_at=time_words.timestamp(),
    )


def keep(entra: Entra, name: str = ALICE, **changes: Any) -> profiles.Account:
    """Sign *name* in at *entra* and save the account with *changes*; then forget the requests so far."""
    account = dataclasses.replace(describe(entra, name), **changes)
    paths.make(account.folder)
    FileStore(account.folder).write(attempt(entra, name).cache)
    profiles.save(account)
    entra.forget()
    return account


def describe_invented(name: str = ALICE, **changes: Any) -> profiles.Account:
    """Return the profile of a made-up account that is signed in, with *changes*; nothing is saved."""
    fields: dict[str, Any] = {
        "name": name,
        "client_id": "a client id",
        "authority": "https://localhost:1/nobody",
        "scopes": SCOPES,
        "imap": "localhost:993",
        "smtp": "localhost:587",
        "redirect_uri": "https://localhost",
        "signed_in_at": time_words.timestamp(),
    }
    return profiles.Account(**(fields | changes))


def invent(name: str = ALICE, life: float = 3600, **changes: Any) -> profiles.Account:
    """Save a made-up account with a made-up token that lives for *life* seconds; no server knows it."""
    account = describe_invented(name, **changes)
    paths.make(account.folder)
    put(account, made_up(life))
    profiles.save(account)
    return account


def made_up(life: float = 3600, issued: float | None = None) -> dict[str, Any]:
    """Return a cache in MSAL's shape, issued now (or at *issued*), with one token that lives *life* seconds more."""
    now = time.time()
    owner = {"home_account_id": "uid.utid", "environment": "localhost:1"}
    times = {"cached_at": str(int(now if issued is None else issued)), "expires_on": str(int(now + life))}
    return {
        "AccessToken": {"at": {**owner, **times, "secret": "a-made-up-access-token"}},
        "RefreshToken": {"rt": {**owner, "secret": "a-made-up-refresh-token", "last_modification_time": "1"}},
        "Account": {"a": {**owner, "realm": "utid", "username": ALICE}},
    }


def put(account: profiles.Account, cache: dict[str, Any]) -> None:
    """Put *cache* into the account's store."""
    FileStore(account.folder).write(json.dumps(cache).encode("ascii"))


def cache_of(account: profiles.Account) -> dict[str, Any]:
    """Return the cache in the account's store."""
    found: dict[str, Any] = json.loads((Path(account.folder) / "cache.json").read_bytes())
    return found


def age(account: profiles.Account, life: float, issued: float | None = None) -> None:
    """Make the saved access token expire in *life* seconds, issued an hour before its end unless *issued* is given."""
    cache = cache_of(account)
    end = int(time.time() + life)
    for entry in cache["AccessToken"].values():
        entry["expires_on"] = str(end)
        entry["cached_at"] = str(int(issued if issued is not None else end - 3600))
    put(account, cache)
