"""
Moves an account's secrets from one store to another: the old place is emptied only after the new one was read back.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365 import accounts, errors, lock, notices, runtime, stores
from offlineimap_m365.stores import places
from offlineimap_m365.vault import Vault, unwritable

if TYPE_CHECKING:
    from offlineimap_m365.accounts import Account


def move(name: str, word: str, *, runtime_cache: bool | None = None) -> Account:
    """
    Let the secrets of the account *name* rest in the store that *word* of ``--to`` means; return the account.

    *runtime_cache*: whether an access token may rest in the session's folder; None leaves that as it is. Killed at any
    step, the account is what it was or what it shall be, and moving again removes what is left of the other. Asks
    nobody but the stores. Raises SignInNeeded for who is not signed in, WrongUsage, Temporary, Misconfigured.
    """
    account = _signed_in(name)
    store, why = places.settle(word, account.folder, account.name)
    if why:
        notices.say(f"Secrets rest in the store {store}: {why}")
    try:
        with lock.held(account.folder, account.name):
            return _move(_signed_in(name), store, runtime_cache)
    except OSError as error:
        raise unwritable(account, error) from error


def _signed_in(name: str) -> Account:
    account = accounts.get(name)
    if not account.is_signed_in:
        raise accounts.not_signed_in(account.name)
    return account


def _move(account: Account, store: str, runtime_cache: bool | None) -> Account:
    """Move while holding the lock."""
    vault = Vault(account, may_ask=True)
    may_rest = account.runtime_cache if runtime_cache is None else runtime_cache
    chosen = {**account.chosen, "store": store, "runtime_cache": may_rest}
    moved = dataclasses.replace(account, store=store, runtime_cache=may_rest, chosen=chosen)
    new = stores.open_store(store, account.folder, account.name, may_ask=True)
    vault.take_up()
    data = vault.read()
    if data is None:
        raise accounts.not_signed_in(account.name, f"The sign-in of {account.name} is no longer in its store")
    with new.reserve(), accounts.prepared(moved) as save:
        runtime.forget(account.folder)
        if store != account.store:
            _write(vault, new, data)
        save()
    for other in places.others(store, account.folder, account.name):
        other.delete()
    return moved


def _write(vault: Vault, new: stores.Store, data: bytes) -> None:
    """Write *data* to the *new* store and read it back; if that does not give it back, all is as it was."""
    account = vault.account
    try:
        new.write(data)
        given = new.read()
    except errors.M365Error:
        _undo(vault, new, data)
        raise
    if given != data:
        _undo(vault, new, data)
        raise errors.Temporary(
            f"{account.name}: the store {new.name} does not give back what it was given",
            account=account.name,
            meaning=f"Its sign-in is still in the store {account.store}",
            remedy="Try again, or another store",
        )


def _undo(vault: Vault, new: stores.Store, data: bytes) -> None:
    if new.name.partition(":")[0] == vault.store.name.partition(":")[0]:  # another key for the same file
        vault.store.write(data)
    else:
        new.delete()
