"""
Where an account's secrets rest: one interface for a closed file, a keyring and a file that gpg encrypts.

Writers hold the account's lock. What a store raises is OSError for its files, and Temporary or Misconfigured for all
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from offlineimap_m365.base import errors
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    import contextlib

#: What ``--store`` takes.
KNOWN = ("file", "keyring", "gpg:KEY", "auto")


class Store(Protocol):
    """Where the secrets of one account rest."""

    #: As in the profile: ``file``, ``keyring``, ``gpg:`` and a fingerprint.
    name: str
    #: May an access token rest in the runtime folder, since reading this takes long?
    is_slow: bool

    def read(self) -> bytes | None:
        """Return what was written last, or None if there is nothing."""

    def write(self, data: bytes) -> None:
        """Replace everything by *data*, durably; an exception leaves the last state."""

    def generation(self) -> tuple[int, ...] | None:
        """Return something that changes with every write and is cheap to ask; None if there is nothing."""

    def delete(self) -> None:
        """Forget everything; nothing there is no error."""

    def reserve(self) -> contextlib.AbstractContextManager[None]:
        """Make sure of the next write before an answer exists that could be lost; raises if that cannot be."""

    def left_over(self) -> list[bytes]:
        """Return what writers that did not come to their end may have left of something newer, oldest first."""

    def set_aside(self) -> str:
        """Move what is broken out of the way without losing it; return where it is now, "" if it cannot be moved."""


def open_store(name: str, folder: str, account: str, *, may_ask: bool = False) -> Store:
    """
    Return the store called *name* for the *account* in *folder*; nothing is touched yet.

    *may_ask*: a person is there whom gpg may ask for a passphrase. Raises Misconfigured for a store that this release
    does not have.
    """
    if name == "file":
        return FileStore(folder)
    if name == "keyring":
        from offlineimap_m365.stores.keyring import KeyringStore  # noqa: PLC0415 - only who uses it pays

        return KeyringStore(folder, account)
    kind, _, fingerprint = name.partition(":")
    if kind == "gpg" and fingerprint:
        from offlineimap_m365.stores.gpg import GpgStore  # noqa: PLC0415 - the same

        return GpgStore(folder, account, fingerprint, may_ask=may_ask)
    raise errors.Misconfigured(
        f"{account}: the store {name} is not known to this release, only: {', '.join(KNOWN)}",
        account=account,
        remedy=f"Sign in again: {errors.login_command(account)} --store file",
    )
