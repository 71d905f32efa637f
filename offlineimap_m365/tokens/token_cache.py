"""
The tokens of an account in its store: read, requested anew, and saved; or the error that says why they cannot be.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.provider import msal_cache
from offlineimap_m365.stores import selection

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.stores.file import FileStore


@dataclasses.dataclass(frozen=True)
class Cache:
    """
    What a store held: *data* is MSAL's JSON, None if there was nothing.

    *generation* tells whether the store has changed since; it was asked before *data* was read, so a write in between
    counts as a change. None if the store could not tell: such a cache is never taken for the current one.
    """

    account: Account = dataclasses.field(repr=False)
    store: FileStore = dataclasses.field(repr=False)
    generation: tuple[int, ...] | None = dataclasses.field(default=None, repr=False)
    data: bytes | None = dataclasses.field(default=None, repr=False)
    access_token: msal_cache.AccessToken | None = None

    @property
    def refresh_token(self) -> str | None:
        """The refresh token, None without one."""
        return msal_cache.refresh_token(self.data)

    def is_current(self) -> bool:
        """Is this what the store holds now? Raises OSError if the store cannot be asked."""
        return self.generation is not None and self.store.generation() == self.generation


def read(account: Account, *, may_ask: bool = False, known: Cache | None = None) -> Cache:
    """
    Read the store of *account*; *known* is returned if the store has not changed since.

    *may_ask*: a person is there whom gpg may ask for a passphrase. Raises Misconfigured for a store that is damaged or
    unknown to this release, Temporary or Misconfigured for one that cannot be read.
    """
    store = selection.open_store(account.store, account.folder, account.name, may_ask=may_ask)
    try:
        generation = store.generation()
        if known and known.account == account and generation is not None and known.generation == generation:
            return known
        data = store.read()
    except OSError as error:
        raise errors.for_oserror(error)(
            f"The stored sign-in of {account.name} cannot be read ({error.strerror})",
            account=account.name,
            remedy=Remedy("", f"ls -la {errors.quoted(account.folder)}"),
        ) from error
    try:
        written_at = generation[1] / 1e9 if generation else None  # the time of the store's file, in nanoseconds
        return Cache(account, store, generation, data, msal_cache.access_token(data, written_at))
    except ValueError as error:
        raise errors.Misconfigured(
            f"The stored sign-in of {account.name} is damaged",
            account=account.name,
            meaning="It is replaced by the next sign-in",
            remedy=Remedy("", errors.login_command(account.name)),
        ) from error


def request(cache: Cache, *, impatient: bool) -> bytes:
    """
    Redeem the refresh token in *cache*, or the credential of an app-only account; return the data that replaces it.

    If the last request failed a short time ago, its error is raised again, unless *impatient*. Raises SignInNeeded,
    Temporary or Misconfigured, with *of_client* set, since the store is not the reason.
    """
    account, refresh_token = cache.account, cache.refresh_token
    try:
        if refresh_token is None and not account.is_app_only:
            raise profiles.lost(account)
        proof = client_credential.read(account.credential, account.name)
        # A failure counts for the same refresh token and secret only: a renewed one is tried at once.
        tried = (refresh_token or account.client_id) + (proof.fingerprint if proof else "")
        remembered = None if impatient else account_state.last_failure(account.folder, tried)
        if remembered:
            raise remembered
        from offlineimap_m365.provider import msal_client  # noqa: PLC0415 - MSAL takes 200 ms to import
        from offlineimap_m365.provider.provider import Provider  # noqa: PLC0415 - likewise

        try:
            if account.is_app_only and proof is not None:
                data = msal_client.obtain(Provider.of(account), account.name, proof)
            else:
                data = msal_client.refresh(account, cache.data or b"", proof)
        except errors.M365Error as error:
            account_state.remember(account.folder, error, tried)
            raise
        account_state.note_certificate(account.folder, proof.ends if proof else None)
    except errors.M365Error as error:
        error.of_client, error.account = True, account.name
        raise
    return data


def save(cache: Cache, data: bytes) -> tuple[Cache, errors.M365Error | None]:
    """
    Replace what the store of *cache* holds by *data*, while holding the lock.

    Return the cache to use from now on, and why it could not be saved, None if it was.
    """
    generation, unsaved = cache.generation, None
    try:
        cache.store.write(data)
        generation = cache.store.generation()
    except OSError as error:
        unsaved = errors.cannot_write(cache.account.folder, cache.account.name, error)
    except errors.M365Error as error:
        unsaved = error
    return Cache(cache.account, cache.store, generation, data, msal_cache.access_token(data)), unsaved
