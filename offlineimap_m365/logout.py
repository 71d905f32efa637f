"""
Forgets a sign-in: its secrets everywhere; the profile stays for the next login unless told otherwise.
"""

from __future__ import annotations

import dataclasses
import shutil

from offlineimap_m365 import accounts, errors, history, lock, store


def sign_out(name: str, *, everything: bool) -> bool:
    """
    Forget the secrets of the account *name*, with *everything* its profile and history as well.

    Return whether there was such an account. Raises Temporary if its lock cannot be had, Misconfigured if its store
    is not safe or cannot be written. Microsoft is not told: it offers public clients no way to.
    """
    account = accounts.load(name)
    if account is None:
        return False
    try:
        with lock.held(account.folder, account.name):
            store.open_store(account.store, account.folder).delete()
            accounts.save(dataclasses.replace(account, signed_in_at=None))
            history.succeeded(account.folder, "logout")
            if everything:
                shutil.rmtree(account.folder)
    except OSError as error:
        kind = errors.Temporary if error.errno in store.PASSING else errors.Misconfigured
        raise kind(
            f"The sign-in of {account.name} cannot be removed from {account.folder} ({error.strerror})",
            account=account.name,
            remedy=f"Look at: ls -ld {account.folder}",
        ) from error
    return True
