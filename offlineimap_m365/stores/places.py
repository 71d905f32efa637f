"""
Which store an account's secrets go to, and in which of them something of it lies.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from offlineimap_m365 import errors
from offlineimap_m365.stores import KNOWN, auto, gpg, open_store
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from offlineimap_m365.stores import Store


def is_known(word: str) -> bool:
    """Is *word* what ``--store`` takes? Whether the key of ``gpg:KEY`` is here is another question."""
    return word in KNOWN or word.startswith(gpg.PREFIX)


def settle(word: str, folder: str, account: str) -> tuple[str, str]:
    """
    Return the store that *word* of ``--store`` means for the *account* in *folder*, and why if that was decided here.

    ``auto`` becomes the store that works, ``gpg:KEY`` the one with the key's fingerprint. Raises WrongUsage, and what
    the stores raise when they cannot be used.
    """
    if word == "auto":
        return auto.choose(folder, account)
    if word.startswith(gpg.PREFIX):
        return gpg.resolve(word), ""
    if word in ("file", "keyring"):
        return word, ""
    raise errors.WrongUsage(
        f"--store {word} is not known", remedy=f"Give one of: {', '.join(KNOWN)}, such as --store gpg:you@example.org"
    )


def everywhere(folder: str, account: str) -> list[Store]:
    """Return all stores in which something of the *account* in *folder* may lie; what only takes a file comes first."""
    found: list[Store] = [FileStore(folder), gpg.GpgStore(folder, account, "")]
    if os.path.lexists(os.path.join(folder, "keyring.json")):
        found.append(open_store("keyring", folder, account))
    return found


def others(store: str, folder: str, account: str) -> list[Store]:
    """Return the stores but the one called *store* in which something of the *account* lies."""
    kind = store.partition(":")[0]
    return [
        found
        for found in everywhere(folder, account)
        if found.name.partition(":")[0] != kind and found.generation() is not None
    ]
