"""
Move an account's secrets from one store to another; the old place is emptied only after the new one was read back.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import account_lock, errors, notices
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import token_cache

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account


def move(name: str, word: str, *, may_ask: bool = False) -> tuple[Account, str]:
    """
    Move the secrets of the account *name* to the store that *word* of ``--to`` names; no other store has them then.

    Return the account, and the store in which they were before. *may_ask*: a person is there who can unlock a store.
    Killed at any step, the account is as before or as wanted, and the next move removes what is left in the other
    store. Raises SignInNeeded for an account that is not signed in, WrongUsage, Temporary, Misconfigured; the last two
    also if the old place cannot be emptied.
    """
    account = profiles.signed_in(name)
    store, why = selection.settle(word, account.folder, account.name)
    if why:
        notices.say(f"The store is {store}: {why}")
    try:
        if store != account.store:
            selection.prove(store, account.folder, account.name, may_ask=may_ask)
        with account_lock.held(account.folder, account.name):
            before = profiles.signed_in(name)  # again: a login or a logout may have come first
            after = dataclasses.replace(before, store=store, chosen={**before.chosen, "store": store})
            if store != before.store:
                _move(before, after, may_ask=may_ask)
            trouble = selection.empty(after.folder, after.name, but=store)
    except OSError as error:
        raise errors.cannot_write(account.folder, account.name, error) from error
    if trouble:
        raise trouble.replaced(
            fact=f"{name} is in the store {store} now, but the old one cannot be emptied: {trouble.fact}",
            remedy=Remedy(
                "When that is repaired, move it again",
                f"{errors.COMMAND} store {errors.quoted(name)} --to {errors.quoted(store)}",
            ),
        )
    return after, before.store


def _move(before: Account, after: Account, *, may_ask: bool) -> None:
    """Write the new place, then let the profile name it; if either fails, everything is as before."""
    old = token_cache.read(before, may_ask=may_ask)
    data = old.data
    if data is None:
        raise profiles.lost(before)
    new = selection.open_store(after.store, after.folder, after.name, may_ask=may_ask)

    def undo() -> None:
        with contextlib.suppress(OSError, errors.M365Error):  # the first error counts
            if selection.kind(new.name) == selection.kind(before.store):  # another key for the same file
                old.store.write(data)
            else:
                new.delete()

    with profiles.prepared(after) as save:
        selection.put(new, data, after.name, undo)
        save()
