"""
Judge the owner and the mode of a file or directory, before it is used.

Loaded by foreign interpreters and before every fresh token: standard library and Python 3.9 only, nothing slow.
"""

from __future__ import annotations

import os
import stat

from offlineimap_m365.base import errors, notices
from offlineimap_m365.base.errors import Remedy, quoted

#: The owner that a container shows for a user without an id in it, such as the machine's root (Linux's
#: user_namespaces(7), "overflowuid").
_OVERFLOW_UID = 65534
_NO_SUDO = Remedy("Run it as the user who signed in, without sudo")


def judge_ours(state: os.stat_result, path: str, tree: str = "") -> bool:
    """
    Refuse a file or directory of the store that is another user's, or that others may write.

    Return whether others may read it, so that it must be closed. *tree* is the directory that the command of the
    remedy repairs, by default *path* itself.
    """
    if state.st_uid != os.geteuid():
        raise errors.Misconfigured(
            f"{path} belongs to user id {state.st_uid}, and this runs as user id {os.geteuid()}",
            remedy=_NO_SUDO
            if os.geteuid() == 0
            else Remedy("Give it back to its user", f"sudo chown -R $(id -un) {quoted(tree or path)}"),
        )
    if others_may_write(state):
        command = f"chmod -R go= {quoted(tree)}" if tree else f"chmod go= {quoted(path)}"
        raise errors.Misconfigured(_may_write(state, path), remedy=Remedy("Close it to others", command))
    return bool(state.st_mode & 0o077)


def judge_above(state: os.stat_result, path: str) -> None:
    """Refuse a directory or link on the way to the store with which another user could replace the store."""
    if state.st_uid not in (0, os.geteuid()) and not _is_unmapped(state.st_uid):
        raise errors.Misconfigured(
            f"{path}, above the store, belongs to user id {state.st_uid}, who could replace the store",
            remedy=_NO_SUDO
            if os.geteuid() == 0
            else Remedy("Set OFFLINEIMAP_M365_HOME to a directory below your home directory"),
        )
    if stat.S_ISDIR(state.st_mode) and not state.st_mode & stat.S_ISVTX and others_may_write(state):
        raise errors.Misconfigured(
            f"{_may_write(state, path)}; it is above the store, so they could replace the store",
            remedy=Remedy("Close it to others", f"chmod go-w {quoted(path)}"),
        )


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


def refused_link(path: str) -> errors.Misconfigured:
    """Return the error for a symbolic link where the store has a file or directory of its own."""
    link, target = quoted(path), os.path.realpath(path)
    command = f"rm {link} && mv {quoted(target)} {link}" if os.path.lexists(target) else f"rm {link}"
    return errors.Misconfigured(
        f"{path} is a symbolic link, which another user may control",
        remedy=Remedy("Replace it with the file or directory it leads to, if that is yours", command),
    )


def _may_write(state: os.stat_result, path: str) -> str:
    return f"Others may write to {path} (mode {stat.S_IMODE(state.st_mode):04o})"


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
    if gid != me.pw_gid or group.gr_name != me.pw_name or set(group.gr_mem) - {me.pw_name}:
        return False
    return all(user.pw_uid == me.pw_uid for user in pwd.getpwall() if user.pw_gid == gid)
