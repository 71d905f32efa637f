"""
The store ``file``: MSAL's own JSON in the account's ``cache.json``, closed to others and replaced whole.

Every store has its methods. Writers hold the account's lock. A store raises OSError for its files, and Temporary or
Misconfigured for all else.
"""

from __future__ import annotations

import os

from offlineimap_m365.base import atomic_file, safe_file

#: Bytes of a cache, encrypted or not; real ones have some ten thousand.
_MOST_BYTES = 16_777_216


class FileStore:
    """The store ``file``: one closed file in the account's folder."""

    #: As in the profile: ``file``, ``keyring``, ``gpg:`` and a fingerprint.
    name = "file"

    def __init__(self, folder: str, file: str = "cache.json") -> None:
        """Name the *file* in the *folder* of the account; nothing is opened yet."""
        self._folder = folder
        self._path = os.path.join(folder, file)

    def read(self) -> bytes | None:
        """Return what was written last, None if there is nothing."""
        try:
            return safe_file.read(self._path, most_bytes=_MOST_BYTES, is_ours=True)
        except FileNotFoundError:
            return None

    def write(self, data: bytes) -> None:
        """Replace everything by *data*, durably; after an exception the last state is still there."""
        atomic_file.clean(self._folder)  # temporary files of writers that were killed
        atomic_file.write_whole(self._path, data)

    def generation(self) -> tuple[int, ...] | None:
        """Return a value that changes with every write and costs one ``stat``; None if there is nothing."""
        try:
            state = os.stat(self._path)
        except FileNotFoundError:
            return None
        return (state.st_ino, state.st_mtime_ns, state.st_size)

    def delete(self) -> None:
        """Remove everything, and the damaged files that release 0.1.0 moved away; nothing to remove is no error."""
        atomic_file.clean(self._folder)
        aside = f"{os.path.basename(self._path)}.broken-"
        for name in os.listdir(self._folder):
            if name.startswith(aside):
                atomic_file.remove(os.path.join(self._folder, name))
        atomic_file.remove(self._path)
        atomic_file.sync(self._folder)
