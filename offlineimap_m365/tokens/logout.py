"""
Forget a sign-in: its secrets everywhere; the profile is kept for the next login unless told otherwise.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import account_lock, errors, paths, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.stores import selection

#: How often a directory is emptied into which waiting processes put a lock meanwhile; each of them does so once.
_ATTEMPTS = 100


def sign_out(name: str, *, everything: bool) -> bool:
    """
    Forget the secrets of the account *name*, with *everything* its profile and history as well.

    Return whether there was such an account, or secrets left of one whose profile is gone. Raises Temporary if its
    lock cannot be had, Misconfigured if its store is not safe or cannot be written. Microsoft is not told: it offers
    public clients no way to.
    """
    folder = paths.folder(name)
    if profiles.load(name) is None and not safe_file.exists(folder):
        return False
    try:
        with account_lock.held(folder, name):
            return _forget(name, folder, everything=everything)
    except errors.SignInNeeded:
        return False  # another logout came first
    except OSError as error:
        raise errors.cannot_write(folder, name, error) from error


def _forget(name: str, folder: str, *, everything: bool) -> bool:
    """Forget while holding the lock; the account is read again, since a login may have come first."""
    account = profiles.load(name)
    has_secrets = any(store.generation() for store in selection.everywhere(folder, name))
    trouble = selection.empty(folder, name)
    if account:
        profiles.save(dataclasses.replace(account, signed_in_at=None))
        account_state.succeeded(folder, "logout")
    if trouble:
        again = f"{errors.COMMAND} logout {errors.quoted(name)}"
        raise trouble.replaced(
            meaning="Everything else of it is gone", remedy=Remedy("When that is repaired, log out again", again)
        )
    if everything:
        _remove(folder)
    return account is not None or has_secrets


def _remove(folder: str) -> None:
    """
    Remove the account's directory, but leave setup's list of files in it: ``setup --undo`` still needs that.

    A process that waits for the lock may create that file again meanwhile.
    """
    files = {path.name: path for path in Path(folder).iterdir()}
    if paths.SETUP_LIST in files:
        for name in files.keys() - {paths.SETUP_LIST, "lock"}:
            files[name].unlink(missing_ok=True)
        return
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
            return
    shutil.rmtree(folder)
