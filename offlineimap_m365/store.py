"""
Where an account's secrets rest. A store has four verbs: read, write, generation, delete.

The store ``file`` keeps them as MSAL's own JSON in the account's ``cache.json``. A file is replaced whole: a temporary
file beside it, fsync, rename, fsync of the directory, so that a crash leaves the last good state or the new one.
Writers hold the account's lock. Every step is a call of ``os`` (pathlib calls other functions on each
Python), so that tests can stop a write after each of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING, Protocol

from offlineimap_m365 import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What a provider may add to the cache in one answer, in bytes: a longer access token and refresh token.
_MARGIN = 16_384
#: Failures that may pass.
PASSING = errors.PASSING


class Store(Protocol):
    """Where the secrets of one account rest."""

    name: str

    def read(self) -> bytes | None:
        """Return what was written last, or None if there is nothing."""

    def write(self, data: bytes) -> None:
        """Replace everything by *data*, durably; OSError leaves the last state."""

    def generation(self) -> tuple[int, ...] | None:
        """Return something that changes with every write and is cheap to ask; None if there is nothing."""

    def delete(self) -> None:
        """Forget everything; nothing there is no error."""

    def reserve(self) -> contextlib.AbstractContextManager[None]:
        """Make room for the next write before an answer exists that could be lost; OSError if there is none."""

    def left_over(self) -> list[bytes]:
        """Return what writers that did not come to their end may have left of something newer, oldest first."""


class FileStore:
    """The store ``file``: one closed file in the account's folder."""

    name = "file"

    def __init__(self, folder: str) -> None:
        """Open the store of the account in *folder*; nothing is touched yet."""
        self._path = os.path.join(folder, "cache.json")
        self._reserved: str | None = None

    def read(self) -> bytes | None:
        """Return the file's bytes, or None if there is no file."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def write(self, data: bytes) -> None:
        """
        Replace the file by *data*.

        What got as far as lying beside the file, and could not take its place, stays there for left_over().
        """
        temporary, self._reserved = self._reserved or _temporary(self._path), None
        _fill(temporary, data)
        os.replace(temporary, self._path)
        _sync(os.path.dirname(self._path))
        for path in _litter(self._path):  # older than what is there now
            _remove(path)

    def left_over(self) -> list[bytes]:
        """Return the temporary files that are no older than the file, as bytes, oldest first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            since = os.stat(self._path).st_mtime_ns
            for path in _litter(self._path):
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
        folder = os.path.dirname(self._path)
        broken = [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("cache.json.broken-")]
        for path in [self._path, *broken, *_all_litter(folder)]:
            _remove(path)
        _sync(folder)

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """
        Keep a temporary file of the final size, synced, until the next write or the end.

        An OSError from within, that of a failed write, takes with it what that write left.
        """
        for path in _all_litter(os.path.dirname(self._path)):
            _remove(path)
        size = _MARGIN
        with contextlib.suppress(FileNotFoundError):
            size += os.stat(self._path).st_size
        self._reserved = _temporary(self._path)
        try:
            _fill(self._reserved, b"\0" * size)
            yield
        except OSError:
            with contextlib.suppress(OSError):  # what went wrong first is what counts
                for path in _litter(self._path):
                    _remove(path)
            raise
        finally:
            if self._reserved is not None:
                with contextlib.suppress(OSError):  # the next one clears it away
                    _remove(self._reserved)
                self._reserved = None

    def set_aside(self) -> str:
        """Move a broken file out of the way without losing it; return where it is now."""
        aside = f"{self._path}.broken-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        os.rename(self._path, aside)
        return aside


def open_store(name: str, folder: str) -> Store:
    """
    Return the store called *name* for the account in *folder*.

    Raises Misconfigured for a store that this release does not have.
    """
    if name != "file":
        raise errors.Misconfigured(
            f"The store {name} is not known to this release, only: file",
            remedy="Sign in again with --store file",
        )
    return FileStore(folder)


def write_whole(path: Path | str, data: bytes) -> None:
    """Replace *path* by *data* with mode 0600, durably; OSError leaves the last state and no litter."""
    path = os.fspath(path)
    temporary = _temporary(path)
    try:
        _fill(temporary, data)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C, too
        with contextlib.suppress(OSError):  # what went wrong first is what counts
            _remove(temporary)
        raise
    _sync(os.path.dirname(path))


def _temporary(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def _litter(path: str) -> list[str]:
    """Temporary files of writers that were killed; whoever holds the lock may remove them."""
    folder, name = os.path.split(path)
    found = [entry for entry in os.listdir(folder) if entry.startswith(f".{name}.") and entry.endswith(".tmp")]
    return [os.path.join(folder, entry) for entry in found]


def _all_litter(folder: str) -> list[str]:
    """Temporary files of all that is written under an account's lock."""
    names = ("cache.json", "profile.json", "state.json")
    return [path for name in names for path in _litter(os.path.join(folder, name))]


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _fill(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(directory: str) -> None:
    """Make a rename durable: the directory's own fsync."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that syncs no directories (fsync(2))
            raise
    finally:
        os.close(descriptor)
