"""
Open and read a file, ours or the user's: never wait for a pipe or a device, and never read more than expected.

Loaded by foreign interpreters and before every fresh token: standard library and Python 3.9 only, nothing slow.
"""

from __future__ import annotations

import errno
import os
import stat

from offlineimap_m365.base import errors, permissions
from offlineimap_m365.base.errors import Remedy, quoted

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from collections.abc import Callable

#: The limit for a file of ours, in bytes; a cache with long tokens has some ten thousand.
MOST_BYTES = 1_048_576


def read(
    path: str,
    *,
    most_bytes: int = MOST_BYTES,
    is_ours: bool = False,
    judge: Callable[[os.stat_result], None] | None = None,
    folder: int | None = None,
) -> bytes:
    """
    Return the bytes of the regular file *path*.

    *is_ours*: a file of the store, which is refused if it is a link or another user's or if others may write it, and
    closed if others may read it. *judge* gets the opened file's state and may raise. *folder* is a descriptor of the
    file's directory, which was judged before.

    Raises FileNotFoundError if there is no such file. Raises Misconfigured (78) for a pipe, a device, a directory, and
    a file over *most_bytes*; for every other failure what unreadable() returns.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (os.O_NOFOLLOW if is_ours else 0)
    try:
        descriptor = os.open(path if folder is None else os.path.basename(path), flags, dir_fd=folder)
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise _refused(path, "is not a regular file", is_ours=is_ours)
            if is_ours and permissions.judge_ours(state, path):
                permissions.close(path, state.st_mode, descriptor)
            if judge is not None:
                judge(state)
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(most_bytes + 1)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, path) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > most_bytes:
        raise _refused(path, f"is larger than {most_bytes} bytes", is_ours=is_ours)
    return data


def exists(path: str) -> bool:
    """
    Is there something at *path*? What may not be looked at (EACCES) counts as existing.

    pathlib's and os.path's predicates say no to that (pathlib's from Python 3.14 on).
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def unreadable(path: str, error: OSError) -> errors.M365Error:
    """Return the error for a file or directory that cannot be read: Temporary if that may pass, else Misconfigured."""
    if error.errno in (errno.ELOOP, errno.EMLINK) and os.path.islink(path):
        return permissions.refused_link(path)
    if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, a device without a driver
        return _refused(path, "is not a regular file")
    return errors.for_oserror(error)(
        f"{path} cannot be read ({error.strerror})",
        remedy=Remedy("Look at its owner and mode", f"ls -ld {quoted(path)}"),
    )


def _refused(path: str, reason: str, *, is_ours: bool = False) -> errors.Misconfigured:
    away = Remedy("Move it away", f"mv {quoted(path)} {quoted(f'{path}.old')}")
    return errors.Misconfigured(
        f"{path} {reason}", remedy=away if is_ours else Remedy("Name another file", f"ls -ld {quoted(path)}")
    )
