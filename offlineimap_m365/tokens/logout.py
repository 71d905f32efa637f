"""
Forgets a sign-in: its secrets everywhere; the profile stays for the next login unless told otherwise.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors, paths
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import lock

#: How often a folder is emptied that others put a lock into meanwhile; each of them does so once.
_ATTEMPTS = 100


def sign_out(name: str, *, everything: bool) -> bool:
    """
    Forget the secrets of the account *name*, with *everything* its profile and history as well.

    Return whether there was such an account, or secrets left of one whose profile is gone. Raises Temporary if its
    lock cannot be had, Misconfigured if its store is not safe or cannot be written. Microsoft is not told: it offers
    public clients no way to.
    """
    folder = paths.folder(name)
    if profiles.load(name) is None and not Path(folder).is_dir():
        return False
    try:
        with lock.held(folder, name):
            return _forget(name, folder, everything=everything)
    except FileNotFoundError:
        return False  # another logout came first
    except OSError as error:
        raise errors.for_oserror(error)(
            f"The sign-in of {name} cannot be removed from {folder} ({error.strerror})",
            account=name,
            remedy=f"Look at: ls -ld {errors.quoted(folder)}",
        ) from error


def _forget(name: str, folder: str, *, everything: bool) -> bool:
    """Forget while holding the lock; the account is read anew, since a login may have come first."""
    account = profiles.load(name)
    is_there = account is not None or any(store.generation() for store in selection.everywhere(folder, name))
    trouble = selection.empty(folder, name)
    if account:
        profiles.save(dataclasses.replace(account, signed_in_at=None))
        account_state.succeeded(folder, "logout")
    if trouble:
        raise trouble.replaced(
            meaning="All else of it is gone",
            remedy=f"Once that is mended, run: {errors.COMMAND} logout {errors.quoted(name)}",
        )
    if everything:
        _remove(folder)
    return is_there


def _remove(folder: str) -> None:
    """Remove the account's folder; who waits for its lock may make that file anew while the folder is emptied."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
            return
    shutil.rmtree(folder)
