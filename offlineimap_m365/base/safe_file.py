"""
Judge owner and mode of a file or directory, and read a file: never a wait for a pipe, never more than expected.

Loaded by foreign interpreters and before every fresh token: standard library and Python 3.9 only, nothing slow.
"""

from __future__ import annotations

import os
import stat

from offlineimap_m365.base import errors, notices
from offlineimap_m365.base.errors import Remedy, quoted

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from collections.abc import Callable

#: The limit for a file of ours, in bytes; a cache with long tokens has some ten thousand.
MOST_BYTES = 1_048_576
#: The owner that a container shows for a user without an id in it, such as the machine's root (Linux's
#: user_namespaces(7), "overflowuid").
_OVERFLOW_UID = 65534


def read(
    path: str,
    *,
    most_bytes: int = MOST_BYTES,
    is_ours: bool = False,
    judge: Callable[[os.stat_result], None] | None = None,
) -> bytes:
    """
    Return the bytes of the regular file *path*.

    *is_ours*: a file of the store, which is refused if it is a link or another user's or if others may write it, and
    closed if others may read it. *judge* gets the opened file's state and may raise.

    Raises FileNotFoundError if there is no such file, Misconfigured (78) for a pipe, a device, a directory, and a file
    over *most_bytes*; for every other failure Temporary if it may pass, else Misconfigured.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (os.O_NOFOLLOW if is_ours else 0)
    try:
        descriptor = os.open(path, flags)
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise refused(path, "is not a regular file", is_ours=is_ours)
            if is_ours and judge_ours(state, path):
                close(path, state.st_mode, descriptor)
            if judge is not None:
                judge(state)
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(most_bytes + 1)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, path) from error
    except OSError as error:
        raise errors.for_oserror(error)(
            f"{path} cannot be read ({error.strerror})",
            remedy=Remedy("Look at its owner and mode", f"ls -ld {quoted(path)}"),
        ) from error
    if len(data) > most_bytes:
        raise refused(path, f"is larger than {most_bytes} bytes", is_ours=is_ours)
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


def judge_ours(state: os.stat_result, path: str, tree: str = "") -> bool:
    """
    Refuse a file or directory of the store that is another user's, or that others may write.

    Return whether others may read it, so that it must be closed. *tree* is the directory that the command of the
    remedy repairs, by default *path* itself.
    """
    if state.st_uid != os.geteuid():
        command = f"sudo chown -R $(id -un) {quoted(tree or path)}"
        raise _foreign(state, path, Remedy("Give it back to its user", command))
    if others_may_write(state):
        raise _writable(state, path, f"chmod -R go= {quoted(tree or path)}")
    return bool(state.st_mode & 0o077)


def judge_above(state: os.stat_result, path: str) -> None:
    """Refuse a directory or link on the way to the store with which another user could replace the store."""
    if state.st_uid not in (0, os.geteuid()) and not _is_unmapped(state.st_uid):
        raise _foreign(state, path, Remedy("Set OFFLINEIMAP_M365_HOME to a directory below your home directory"))
    if stat.S_ISDIR(state.st_mode) and not state.st_mode & stat.S_ISVTX and others_may_write(state):
        raise _writable(state, path, f"chmod go-w {quoted(path)}")


def others_may_write(state: os.stat_result) -> bool:
    """May another user write it? The group may if it is the user's private one."""
    writers = state.st_mode & 0o022
    return bool(writers) and not (
        writers == stat.S_IWGRP and state.st_uid == os.geteuid() and _is_private_group(state.st_gid)
    )


def close(path: str, mode: int, descriptor: int | None = None) -> None:
    """Take from others what the *mode* of *path* (by its *descriptor*, if it is open) gives them, and say so."""
    try:
        os.chmod(path if descriptor is None else descriptor, stat.S_IMODE(mode) & 0o700)
    except OSError as error:  # a read-only file system, or one without modes
        notices.say(f"{path} can be read by others and cannot be closed ({error.strerror})")
    else:
        notices.say(f"{path} could be read by others and was closed")


def refused(path: str, reason: str, *, is_ours: bool = True) -> errors.Misconfigured:
    """Return the error for something else where a file or directory is expected."""
    away = Remedy("Move it away", f"mv {quoted(path)} {quoted(f'{path}.old')}")
    return errors.Misconfigured(
        f"{path} {reason}", remedy=away if is_ours else Remedy("Name another file", f"ls -ld {quoted(path)}")
    )


def refused_link(path: str) -> errors.Misconfigured:
    """Return the error for a symbolic link where the store has a file or directory of its own."""
    link, target = quoted(path), os.path.realpath(path)
    command = f"rm {link} && mv {quoted(target)} {link}" if os.path.lexists(target) else f"rm {link}"
    return errors.Misconfigured(
        f"{path} is a symbolic link, which another user may control",
        remedy=Remedy("Replace it with the file or directory it leads to, if that is yours", command),
    )


def _foreign(state: os.stat_result, path: str, remedy: Remedy) -> errors.Misconfigured:
    user = os.geteuid()
    return errors.Misconfigured(
        f"{path} belongs to user id {state.st_uid}, and this runs as user id {user}",
        meaning="Its owner could replace the store",
        remedy=remedy if user else Remedy("Run it as the user who signed in, without sudo"),
    )


def _writable(state: os.stat_result, path: str, command: str) -> errors.Misconfigured:
    return errors.Misconfigured(
        f"Others may write to {path} (mode {stat.S_IMODE(state.st_mode):04o})",
        meaning="They could replace the store",
        remedy=Remedy("Close it to others", command),
    )


def _is_unmapped(uid: int) -> bool:
    """Is this the owner that a container shows for a user of the machine outside it?"""
    if uid != _OVERFLOW_UID:
        return False
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return file.read().split() != ["0", "0", "4294967295"]
    except OSError:
        return False


def _is_private_group(gid: int) -> bool:
    """Is this the user's own group with nobody else in it? (Red Hat's and Debian's user private groups)."""
    import grp  # noqa: PLC0415 - only where a group may write
    import pwd  # noqa: PLC0415

    try:
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    members = {*group.gr_mem, *(user.pw_name for user in pwd.getpwall() if user.pw_gid == gid)}
    return (gid, group.gr_name) == (me.pw_gid, me.pw_name) and members <= {me.pw_name}
