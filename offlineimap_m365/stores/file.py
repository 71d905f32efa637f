"""
The store ``file``: MSAL's own JSON in the account's ``cache.json``, closed to others and replaced whole.
"""

from __future__ import annotations

import os

from offlineimap_m365.base import atomic_file, safe_file

#: Bytes of a cache, encrypted or not; real ones have some ten thousand.
_MOST_BYTES = 16_777_216


class FileStore:
    """The store ``file``: one closed file in the account's folder."""

    name = "file"

    def __init__(self, folder: str, file: str = "cache.json") -> None:
        """Name the *file* in the *folder* of the account; nothing is opened yet."""
        self._folder = folder
        self._path = os.path.join(folder, file)

    def read(self) -> bytes | None:
        """Return the file's bytes, None if there is no file."""
        try:
            return safe_file.read(self._path, most_bytes=_MOST_BYTES, is_ours=True)
        except FileNotFoundError:
            return None

    def write(self, data: bytes) -> None:
        """Replace the file by *data*, and remove the temporary files of writers that were killed."""
        atomic_file.clean(self._folder)
        atomic_file.write_whole(self._path, data)

    def generation(self) -> tuple[int, ...] | None:
        """Return the file's inode, time and size: one ``stat``."""
        try:
            state = os.stat(self._path)
        except FileNotFoundError:
            return None
        return (state.st_ino, state.st_mtime_ns, state.st_size)

    def delete(self) -> None:
        """Remove the file, temporary files, and the damaged files that release 0.1.0 moved away."""
        atomic_file.clean(self._folder)
        aside = f"{os.path.basename(self._path)}.broken-"
        for name in os.listdir(self._folder):
            if name.startswith(aside):
                atomic_file.remove(os.path.join(self._folder, name))
        atomic_file.remove(self._path)
        atomic_file.sync(self._folder)
