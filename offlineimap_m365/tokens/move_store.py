"""
Moves an account's secrets from one store to another: the old place is emptied only after the new one was read back.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365 import stores
from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, notices, runtime
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import lock
from offlineimap_m365.tokens.token_cache import Vault, unwritable

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account


def move(name: str, word: str, *, runtime_cache: bool | None = None, may_ask: bool = False) -> tuple[Account, str]:
    """
    Let the secrets of the account *name* rest in the store that *word* of ``--to`` means, and in no other.

    Return the account, and the store in which they were before. *runtime_cache*: whether an access token may rest in
    the session's folder; None leaves that as it is. *may_ask*: a person is there who can unlock a store. Killed at any
    step, the account is what it was or what it shall be, and moving again removes what is left of the other. Asks
    nobody but the stores. Raises SignInNeeded for who is not signed in, WrongUsage, Temporary, Misconfigured; the last
    two also if the old place cannot be emptied.
    """
    account = profiles.signed_in(name)
    store, why = selection.settle(word, account.folder, account.name)
    if why:
        notices.say(f"Secrets rest in the store {store}: {why}")
    try:
        if store != account.store:
            selection.prove(store, account.folder, account.name, may_ask=may_ask)
        with lock.held(account.folder, account.name):
            before = profiles.signed_in(name)  # anew, since a login or a logout may have come first
            after = _changed(before, store, runtime_cache)
            if after != before:
                _move(before, after, may_ask=may_ask)
            left = selection.empty(after.folder, after.name, but=store)
    except FileNotFoundError as error:
        raise profiles.lost(account) from error  # logout --all came first
    except OSError as error:
        raise unwritable(account, error) from error
    if left:
        raise _unfinished(after, left)
    return after, before.store


def _changed(account: Account, store: str, runtime_cache: bool | None) -> Account:
    """Return the profile for afterwards, with what the next login shall choose as well."""
    may_rest = account.runtime_cache if runtime_cache is None else runtime_cache
    if (store, may_rest) == (account.store, account.runtime_cache):
        return account
    chosen = {**account.chosen, "store": store, "runtime_cache": may_rest}
    return dataclasses.replace(account, store=store, runtime_cache=may_rest, chosen=chosen)


def _move(before: Account, after: Account, *, may_ask: bool) -> None:
    """Write the new place, and let the profile name it; if either fails, all is as it was."""
    if before.store == after.store:
        profiles.save(after)
        return
    vault = Vault(before, may_ask=may_ask)
    vault.take_up()
    data = vault.read(may_set_aside=True)
    if data is None:
        raise profiles.lost(before)
    new = stores.open_store(after.store, after.folder, after.name, may_ask=may_ask)

    def undo() -> None:
        with contextlib.suppress(OSError, errors.M365Error):  # what went wrong first is what counts
            if selection.kind(new.name) == selection.kind(before.store):  # another key for the same file
                vault.store.write(data)
            else:
                new.delete()

    runtime.forget(after.folder)
    with new.reserve(), profiles.prepared(after) as save:
        selection.put(new, data, after.name, undo)
        save()


def _unfinished(account: Account, left: errors.M365Error) -> errors.M365Error:
    name, store = errors.quoted(account.name), errors.quoted(account.store)
    return left.replaced(
        fact=f"{account.name} is in the store {account.store} now, but the old one cannot be emptied: {left.fact}",
        remedy=f"Once that is mended, complete it: {errors.COMMAND} store {name} --to {store}",
    )
