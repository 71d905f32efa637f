"""
The store ``file``: MSAL's own JSON in the account's ``cache.json``, closed to others and replaced whole.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from offlineimap_m365.base import atomic_file, safe_file

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a provider may add to the cache in one answer, in bytes: a longer access token and refresh token.
_MARGIN = 16_384


class FileStore:
    """The store ``file``: one closed file in the account's folder."""

    name = "file"
    is_slow = False

    def __init__(self, folder: str, file: str = "cache.json") -> None:
        """Open the store of the account in *folder*, a *file* of its; nothing is touched yet."""
        self._path = os.path.join(folder, file)
        self._reserved: str | None = None

    def read(self) -> bytes | None:
        """Return the file's bytes, or None if there is no file."""
        try:
            return safe_file.read(self._path, is_ours=True)
        except FileNotFoundError:
            return None

    def write(self, data: bytes) -> None:
        """
        Replace the file by *data*.

        What got as far as lying beside the file, and could not take its place, stays there for left_over().
        """
        temporary, self._reserved = self._reserved or atomic_file.temporary(self._path), None
        atomic_file.fill(temporary, data)
        os.replace(temporary, self._path)
        atomic_file.sync(os.path.dirname(self._path))
        for path in atomic_file.litter(self._path):  # older than what is there now
            atomic_file.remove(path)

    def left_over(self) -> list[bytes]:
        """Return the temporary files that are no older than the file, as bytes, oldest first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            since = os.stat(self._path).st_mtime_ns
            for path in atomic_file.litter(self._path):
                with open(path, "rb") as file:
                    found.append((os.fstat(file.fileno()).st_mtime_ns, file.read()))
            found = [item for item in found if item[0] >= since]
        return [data for _, data in sorted(found)]

    def generation(self) -> tuple[int, ...] | None:
        """Return the file's inode, time and size: one ``stat``."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def delete(self) -> None:
        """Remove the file and whatever killed writers or broken states left of it."""
        folder, file = os.path.split(self._path)
        broken = [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(f"{file}.broken-")]
        for path in [self._path, *broken, *_all_litter(folder)]:
            atomic_file.remove(path)
        atomic_file.sync(folder)

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """
        Keep a temporary file of the final size, synced, until the next write or the end.

        An OSError from within, that of a failed write, takes with it what that write left.
        """
        for path in _all_litter(os.path.dirname(self._path)):
            atomic_file.remove(path)
        size = _MARGIN
        with contextlib.suppress(FileNotFoundError):
            size += os.stat(self._path).st_size
        self._reserved = atomic_file.temporary(self._path)
        try:
            atomic_file.fill(self._reserved, b"\0" * size)
            yield
        except OSError:
            with contextlib.suppress(OSError):  # what went wrong first is what counts
                for path in atomic_file.litter(self._path):
                    atomic_file.remove(path)
            raise
        finally:
            if self._reserved is not None:
                with contextlib.suppress(OSError):  # the next one clears it away
                    atomic_file.remove(self._reserved)
                self._reserved = None

    def set_aside(self) -> str:
        """Move a broken file out of the way without losing it; return where it is now."""
        aside = f"{self._path}.broken-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        os.rename(self._path, aside)
        return aside


def _all_litter(folder: str) -> list[str]:
    """Return the temporary files of all that is written under an account's lock."""
    names = ("cache.json", "cache.json.gpg", "keyring.json", "profile.json", "state.json")
    return [path for name in names for path in atomic_file.litter(os.path.join(folder, name))]
