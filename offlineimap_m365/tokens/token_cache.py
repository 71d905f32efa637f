"""
An account's store as ``tokens`` uses it: what is broken in it is named, and what it refuses is not lost.

A cache that a provider gave and a full disk refused is kept in memory until it can be saved or something newer is
there: the refresh token before it may be worth nothing by now (contract §5.3).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from offlineimap_m365 import stores
from offlineimap_m365.base import errors, notices, runtime
from offlineimap_m365.provider import msal_cache
from offlineimap_m365.tokens import lock

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

#: What could not be saved, by the account's folder, with the generation of the store on top of which it belongs.
_unsaved: dict[str, tuple[tuple[int, ...] | None, bytes]] = {}


class Vault:
    """The store of *account*, and what of it is in memory only."""

    def __init__(self, account: Account, *, may_ask: bool = False) -> None:
        """
        Open the store; nothing is touched yet. *may_ask*: a person is there whom gpg may ask.

        Raises Misconfigured for a store that this release does not have.
        """
        self.account = account
        self.store = stores.open_store(account.store, account.folder, account.name, may_ask=may_ask)
        self._seen: tuple[tuple[int, ...], bytes | None] | None = None

    @property
    def is_behind(self) -> bool:
        """Is there something in memory that the store has not?"""
        return is_behind(self.account.folder)

    def generation(self) -> tuple[int, ...] | None:
        """Return what changes with every write; None if there is nothing, or if that cannot be told now."""
        try:
            return self.store.generation()
        except OSError:
            return None

    def reserve(self) -> contextlib.AbstractContextManager[None]:
        """Make room for the next save(); OSError if there is none."""
        return self.store.reserve()

    def read(self, *, may_set_aside: bool = False) -> bytes | None:
        """
        Return the cache, or None if there is none; whoever holds the lock may set a broken one aside.

        Raises Misconfigured for a broken one, Temporary or Misconfigured for one that cannot be read.
        """
        unsaved = _unsaved.get(self.account.folder)
        if unsaved:
            if unsaved[0] == self.generation():
                return unsaved[1]
            _unsaved.pop(self.account.folder, None)  # somebody else saved something newer, or signed out
        generation = self.generation()
        if self._seen and self.store.is_slow and self._seen[0] == generation:
            return self._seen[1]
        try:
            data = self.store.read()
        except OSError as error:
            raise self._unreadable(error) from error
        if data is None:
            return None
        try:
            content = msal_cache.parse(data)
        except ValueError as error:
            raise self._damaged(self._set_aside() if may_set_aside else "") from error
        if generation is not None:
            self._seen = (generation, data)
            self._rest(generation, content)
        return data

    def resting(self) -> msal_cache.AccessToken | None:
        """Return the access token that rests in the session's runtime folder; None for a store that is fast."""
        if not self._may_rest:
            return None
        try:
            return msal_cache.access_token_of(runtime.read(self.account.folder, self.account.store))
        except ValueError:
            return None

    @property
    def _may_rest(self) -> bool:
        return self.store.is_slow and self.account.runtime_cache

    def _rest(self, generation: tuple[int, ...], content: dict[str, Any]) -> None:
        """Let the access token of the cache *content* rest where the store is slow."""
        if self._may_rest:
            for key, entry in content.get("AccessToken", {}).items():
                runtime.write(self.account.folder, generation, entry, key)
            if self.generation() != generation:  # somebody signed out or moved it meanwhile, and forgot what rested
                runtime.forget(self.account.folder)

    def read_carefully(self) -> bytes | None:
        """Read without the lock; if what is found is broken, look again with it, since only then it may be moved."""
        try:
            return self.read()
        except errors.Misconfigured:
            with contextlib.suppress(OSError), lock.held(self.account.folder, self.account.name):
                return self.read(may_set_aside=True)
            raise

    def take_up(self) -> None:
        """
        Save what a writer of this very sign-in left behind, killed or refused before its last step; the lock is held.

        What lies in the store then may be worth nothing: a strict provider takes a refresh token once (RFC 9700
        §4.14.2).
        """
        found = [data for data in self.store.left_over() if _is_newer(data, self.store.read())]
        if found:
            self.save(found[-1])

    def save(self, data: bytes) -> None:
        """Save what the provider gave, while holding the lock; if that fails, say so and keep it in memory."""
        try:
            self.store.write(data)
        except (OSError, errors.M365Error) as error:
            _unsaved[self.account.folder] = (self.generation(), data)
            trouble = unwritable(self.account, error) if isinstance(error, OSError) else error
            notices.say(trouble.one_line() + "; the new token is kept in memory for now")
        else:
            _unsaved.pop(self.account.folder, None)
            generation = self.generation()
            if generation is not None:
                self._rest(generation, msal_cache.parse(data))

    def _set_aside(self) -> str:
        where = self.store.set_aside()
        return f"; it was set aside as {where}" if where else ""

    def _damaged(self, where: str) -> errors.Misconfigured:
        return errors.Misconfigured(
            f"The stored sign-in of {self.account.name} is damaged{where}",
            account=self.account.name,
            remedy=f"Run: {errors.login_command(self.account.name)}",
        )

    def _unreadable(self, error: OSError) -> errors.M365Error:
        return errors.for_oserror(error)(
            f"The stored sign-in of {self.account.name} cannot be read ({error.strerror})",
            account=self.account.name,
            remedy=f"Look at: ls -la {errors.quoted(self.account.folder)}",
        )


def _is_newer(data: bytes, stored: bytes | None) -> bool:
    """Is *data* a whole cache with another refresh token for the same person and client id as the *stored* one?"""
    try:
        theirs, ours = msal_cache.refresh_token(data), msal_cache.refresh_token(stored)
        is_same_grant = msal_cache.grant(data) == msal_cache.grant(stored)
    except ValueError:
        return False
    return theirs is not None and theirs != ours and is_same_grant


def is_behind(folder: str) -> bool:
    """Is there something in memory that the store of the account in *folder* has not?"""
    return folder in _unsaved


def unwritable(account: Account, error: OSError) -> errors.M365Error:
    """Make the error for a store that takes nothing: Temporary if that may pass, else Misconfigured."""
    return errors.for_oserror(error)(
        f"{account.name}: its sign-in cannot be saved in {account.folder} ({error.strerror})",
        account=account.name,
        remedy=f"Look at: df -h {errors.quoted(account.folder)}; ls -ld {errors.quoted(account.folder)}",
    )
