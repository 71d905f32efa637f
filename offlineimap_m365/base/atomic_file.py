"""
Replace files whole: write a temporary file beside the file, fsync, rename, fsync of the directory.

A crash leaves the last state or the new one. Every step is a call of ``os`` (pathlib calls other functions on each
Python), so that tests can stop a write after each of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Seconds after which a temporary file is of a process that was killed: a write takes far less.
_ABANDONED = 60.0
#: The temporary files that this process is writing.
_own: set[str] = set()


def write_whole(path: Path | str, data: bytes) -> None:
    """Replace *path* by *data* with mode 0600, durably; an OSError leaves the last state and no temporary file."""
    with prepared(path, data) as write:
        write()


def prove_space(folder: str, size: int) -> None:
    """Write *size* bytes to a temporary file in *folder*, so that a full disk is found now. Raises OSError."""
    with prepared(f"{folder}/space", bytes(size)):
        pass


@contextlib.contextmanager
def prepared(path: Path | str, data: bytes) -> Iterator[Callable[[], None]]:
    """Write *data* to a temporary file, which is removed in the end; yield a function that renames it to *path*."""
    path = os.fspath(path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")

    def write() -> None:
        os.replace(temporary, path)
        sync(folder)

    with contextlib.suppress(OSError):
        clean(folder, _ABANDONED)
    _own.add(temporary)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield write
    finally:
        with contextlib.suppress(OSError):  # the first error counts; after the rename there is nothing
            remove(temporary)
        _own.discard(temporary)


def clean(folder: str, seconds: float = 0.0) -> None:
    """
    Remove the temporary files in *folder* that are older than *seconds* and of another write.

    The holder of an account's lock gives 0: nobody else writes there now.
    """
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith(".") and name.endswith(".tmp") and path not in _own:
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(path).st_mtime <= time.time() - seconds:
                    os.unlink(path)


def remove(path: str) -> None:
    """Remove the file *path*; if it does not exist, that is no error."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


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
