"""
Where an account's secrets rest. A store has four verbs: read, write, generation, delete.

The store ``file`` keeps them as MSAL's own JSON in the account's ``cache.json``. A file is replaced whole: a temporary
file beside it, fsync, rename, fsync of the directory, so that a crash leaves the last good state or the new one.
Writers hold the account's lock.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from offlineimap_m365 import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class FileStore:
    """The store ``file``: one closed file in the account's folder."""

    name = "file"

    def __init__(self, folder: str) -> None:
        """Open the store of the account in *folder*; nothing is touched yet."""
        self._path = Path(folder) / "cache.json"
        self._reserved: Path | None = None

    def read(self) -> bytes | None:
        """Return the file's bytes, or None if there is no file."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def write(self, data: bytes) -> None:
        """Replace the file by *data*."""
        temporary, self._reserved = self._reserved, None
        write_whole(self._path, data, temporary)

    def generation(self) -> tuple[int, ...] | None:
        """Return the file's inode, time and size: one ``stat``."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - one os.stat, as promised; 3.10's pathlib hides it
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def delete(self) -> None:
        """Remove the file and whatever killed writers or broken states left of it."""
        for path in [self._path, *self._path.parent.glob("cache.json.broken-*"), *_litter(self._path)]:
            path.unlink(missing_ok=True)
        _sync(self._path.parent)

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """Keep a temporary file of the final size, synced, until the next write or the end."""
        for path in _litter(self._path):
            path.unlink(missing_ok=True)
        size = _MARGIN
        with contextlib.suppress(FileNotFoundError):
            size += self._path.stat().st_size
        self._reserved = _temporary(self._path)
        try:
            _fill(self._reserved, b"\0" * size)
            yield
        finally:
            if self._reserved is not None:
                self._reserved.unlink(missing_ok=True)
                self._reserved = None

    def set_aside(self) -> Path:
        """Move a broken file out of the way without losing it; return where it is now."""
        aside = self._path.with_name(f"cache.json.broken-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        self._path.rename(aside)
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


def write_whole(path: Path, data: bytes, temporary: Path | None = None) -> None:
    """Replace *path* by *data* with mode 0600, durably; use the file *temporary* if one was reserved."""
    temporary = temporary or _temporary(path)
    try:
        _fill(temporary, data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def _litter(path: Path) -> list[Path]:
    """Temporary files of writers that were killed; whoever holds the lock may remove them."""
    return list(path.parent.glob(f".{path.name}.*.tmp"))


def _fill(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make a rename durable: the directory's own fsync."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that syncs no directories (fsync(2))
            raise
    finally:
        os.close(descriptor)
