"""
Which store an account's secrets go to, and in which of them something of it lies.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, paths, runtime
from offlineimap_m365.stores import KNOWN, auto, gpg, keyring, open_store
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable

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


def kind(store: str) -> str:
    """Return what kind of place the store called *store* is: all keys of gpg share one."""
    return store.partition(":")[0]


def prove(store: str, folder: str, account: str, *, may_ask: bool = False) -> None:
    """
    Find out whether *store* takes something for *account* in *folder* now and gives it back: no secret, and no trace.

    *may_ask*: a person is there who can unlock it. Raises OSError for its files, what it raises itself for all else.
    """
    above = os.path.dirname(folder)
    paths.make(above)
    paths.check(folder)
    with open_store(store, folder if os.path.isdir(folder) else above, account, may_ask=may_ask).reserve():
        pass
    if store == "keyring":
        keyring.probe(folder, account)
    elif store != "file":
        aside = os.path.join(above, f".trial.{os.getpid()}.{os.urandom(4).hex()}")
        paths.make(aside)
        try:
            put(open_store(store, aside, account, may_ask=may_ask), b"A trial, and no secret", account)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def put(store: Store, data: bytes, account: str, undo: Callable[[], None] | None = None) -> None:
    """
    Write *data* to *store* and read it back; if it does not come back, call *undo*.

    Raises OSError, and M365Error: what the store raises, Misconfigured for one that gives back something else.
    """
    try:
        store.write(data)
        if store.read() != data:
            raise errors.Misconfigured(
                f"{account}: the store {store.name} does not give back what it was given",
                account=account,
                meaning="Nothing was changed",
                remedy="Take another store",
            )
    except (OSError, errors.M365Error):
        if undo is not None:
            undo()
        raise


def empty(folder: str, account: str, but: str = "") -> errors.M365Error | None:
    """
    Forget what *account* has in all stores but the one called *but*, each of them tried; the lock is held.

    Return the first trouble with one, in which something may be left; None if there was none. Raises OSError if the
    account's *folder* takes nothing.
    """
    trouble = None
    for found in everywhere(folder, account):
        if kind(found.name) != kind(but):
            try:
                found.delete()
            except errors.M365Error as error:
                trouble = trouble or error
    runtime.forget(folder)  # last: who read the store a moment ago may have let a token rest meanwhile
    return trouble
