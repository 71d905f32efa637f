"""
What every store does: it holds the secrets of one account.

Writers hold the account's lock. A store raises OSError for its files, and Temporary or Misconfigured for all else.
"""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Where the secrets of one account are."""

    #: As in the profile: ``file``, ``keyring``, ``gpg:`` and a fingerprint.
    name: str

    def read(self) -> bytes | None:
        """Return what was written last, None if there is nothing."""

    def write(self, data: bytes) -> None:
        """Replace everything by *data*, durably; after an exception the last state is still there."""

    def generation(self) -> tuple[int, ...] | None:
        """Return a value that changes with every write and costs one ``stat``; None if there is nothing."""

    def delete(self) -> None:
        """Delete everything; if there is nothing, that is no error."""
