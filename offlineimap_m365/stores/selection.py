"""
Which store an account's secrets go to, and which stores have something of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from offlineimap_m365.base import atomic_file, environment, errors, paths
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.stores import gpg, keyring
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable

#: What ``--store`` takes.
KNOWN = ("file", "keyring", "gpg:KEY", "auto")
#: Bytes that a first sign-in writes: the secrets and the profile.
_SPACE = 65_536


def open_store(name: str, folder: str, account: str, *, may_ask: bool = False) -> FileStore:
    """
    Return the store called *name* for the *account* in *folder*; nothing is opened yet.

    *may_ask*: a person is there whom gpg may ask for a passphrase. Raises Misconfigured for a store that this release
    does not have.
    """
    if name == "file":
        return FileStore(folder)
    if name == "keyring":
        return keyring.KeyringStore(folder, account)
    fingerprint = name.removeprefix(gpg.PREFIX)
    if fingerprint and fingerprint != name:
        return gpg.GpgStore(folder, account, fingerprint, may_ask=may_ask)
    raise errors.Misconfigured(
        f"{account}: this release has no store {name}, only: {', '.join(KNOWN)}",
        account=account,
        remedy=Remedy("Sign in again", f"{errors.login_command(account)} --store file"),
    )


def settle(word: str, folder: str, account: str) -> tuple[str, str]:
    """
    Return the store that *word* of ``--store`` means for the *account* in *folder*, and the reason for a choice.

    ``auto`` becomes a store that works, ``gpg:KEY`` the one with the key's fingerprint. Raises WrongUsage, and what
    the stores raise when they cannot be used.
    """
    if word == "auto":
        return _choose(folder, account)
    if word.startswith(gpg.PREFIX):
        return gpg.resolve(word), ""
    if word in KNOWN:
        return word, ""
    raise errors.WrongUsage(
        f"There is no store {word}", remedy=Remedy(f"Give one of {', '.join(KNOWN)}, such as gpg:you@example.org")
    )


def _choose(folder: str, account: str) -> tuple[str, str]:
    """Return the desktop's keyring if it works without a question, else the file; and the reason."""
    if environment.over_ssh():  # an unlocked keyring is the desktop's, and locked when nobody is logged in there
        return "file", "This is a session over ssh, which has no keyring of its own"
    try:
        keyring.probe(folder, account)
    except errors.M365Error as error:
        return "file", f"The keyring cannot be used: {error.fact.removeprefix(account + ': ')}"
    return "keyring", "The desktop's keyring works without a question"


def kind(store: str) -> str:
    """Return the kind of the store called *store*: all keys of gpg share one file."""
    return store.partition(":")[0]


def prove(store: str, folder: str, account: str, *, may_ask: bool = False) -> None:
    """
    Find out whether *store* can take the secrets of *account* in *folder* now; nothing is left behind.

    *may_ask*: a person is there who can unlock it. Raises OSError for its files, and what the store raises.
    """
    accounts = os.path.dirname(folder)
    paths.make(accounts)
    atomic_file.prove_space(folder if paths.check(folder) else accounts, _SPACE)
    if store == "keyring":
        keyring.probe(folder, account)
    elif store != "file":
        gpg.GpgStore(folder, account, store.removeprefix(gpg.PREFIX), may_ask=may_ask).prove()


def put(store: FileStore, data: bytes, account: str, undo: Callable[[], None]) -> None:
    """
    Write *data* to *store* and read it back; if that fails, call *undo*.

    Raises OSError, what the store raises, and Misconfigured if it returns something else.
    """
    try:
        store.write(data)
        if store.read() != data:
            raise errors.Misconfigured(
                f"{account}: the store {store.name} does not return what was written to it",
                account=account,
                meaning="Nothing was changed",
                remedy=Remedy("Choose another store", f"{errors.login_command(account)} --store file"),
            )
    except (OSError, errors.M365Error):
        undo()
        raise


def everywhere(folder: str, account: str) -> list[FileStore]:
    """Return all stores that may have something of the *account* in *folder*, those that are files first."""
    return [FileStore(folder), gpg.GpgStore(folder, account, ""), keyring.KeyringStore(folder, account)]


def empty(folder: str, account: str, but: str = "") -> errors.M365Error | None:
    """
    Delete what *account* has in all stores but the one called *but*; the lock is held.

    All are tried. Return the first error, after which something may be left; None if there was none. Raises OSError if
    the account's *folder* cannot be written.
    """
    first = None
    for store in everywhere(folder, account):
        if kind(store.name) != kind(but):
            try:
                store.delete()
            except errors.M365Error as error:
                first = first or error
    return first
