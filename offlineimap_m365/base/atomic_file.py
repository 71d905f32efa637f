"""
Files that are replaced whole: a temporary one beside it, fsync, rename, fsync of the directory.

A crash leaves the last good state or the new one. Every step is a call of ``os`` (pathlib calls other functions on
each Python), so that tests can stop a write after each of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def write_whole(path: Path | str, data: bytes) -> None:
    """Replace *path* by *data* with mode 0600, durably; OSError leaves the last state and no litter."""
    with prepared(path, data) as write:
        write()


@contextlib.contextmanager
def prepared(path: Path | str, data: bytes) -> Iterator[Callable[[], None]]:
    """Lay *data* beside *path*, closed and synced, and give what lets it take its place; OSError leaves no litter."""
    path = os.fspath(path)
    beside = temporary(path)

    def write() -> None:
        os.replace(beside, path)
        sync(os.path.dirname(path))

    try:
        fill(beside, data)
        yield write
    except BaseException:  # Ctrl-C, too
        with contextlib.suppress(OSError):  # what went wrong first is what counts
            remove(beside)
        raise


def temporary(path: str) -> str:
    """Return the path of a file beside *path* that litter() finds; nothing is made yet."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def litter(path: str) -> list[str]:
    """Return the temporary files of writers of *path* that were killed; whoever holds the lock may remove them."""
    folder, name = os.path.split(path)
    start, end = f".{name}.", ".tmp"
    found = [entry for entry in os.listdir(folder) if entry.startswith(start) and entry.endswith(end)]
    # one dot between process and number, or it is of a file whose name only begins like this one
    return [os.path.join(folder, entry) for entry in found if entry[len(start) : -len(end)].count(".") == 1]


def remove(path: str) -> None:
    """Remove the file *path*; if it is not there, that is no error."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def fill(path: str, data: bytes) -> None:
    """Let *path* hold *data* and nothing else, with mode 0600 and synced."""
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


def sync(directory: str) -> None:
    """Make a rename durable: the directory's own fsync."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that syncs no directories (fsync(2))
            raise
    finally:
        os.close(descriptor)
