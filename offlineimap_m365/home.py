"""
Where things lie: the home directory and an account's folder in it, and whether others could reach into them.

Loaded by foreign interpreters and before every fresh token: standard library and Python 3.9 only, nothing slow.
"""

from __future__ import annotations

import os
import stat

from offlineimap_m365 import environment, errors, notices

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~@+")
_LONGEST = 200  # bytes of a quoted name; most file systems take 255


def directory() -> str:
    """
    Return the absolute path of the home, whether it exists or not.

    Raises Misconfigured if ``$OFFLINEIMAP_M365_HOME`` is not absolute.
    """
    named = environment.home()
    if named and not os.path.isabs(named):
        raise errors.Misconfigured(
            f"OFFLINEIMAP_M365_HOME is not an absolute path: {named}",
            remedy="Set it to a path that begins with / or ~, or unset it",
        )
    return os.path.normpath(named) if named else os.path.join(environment.user_data(), "offlineimap-m365")


def quoted(account: str) -> str:
    """
    Return the name of an account's folder: ``urllib.parse.quote(account.strip().lower(), safe="@+-_.")``.

    By hand, since importing urllib.parse costs more than reading a token. A leading dot becomes ``%2E``, and of a
    name over 200 bytes the first 150 are kept with a SHA-256.
    """
    plain = account.strip().lower()
    name = "".join(c if c in _SAFE else "".join(f"%{b:02X}" for b in c.encode("utf-8")) for c in plain)
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST:
        import hashlib  # noqa: PLC0415 - rarely needed

        name = name[:150] + hashlib.sha256(plain.encode("utf-8")).hexdigest()
    return name


def folder(account: str) -> str:
    """Return the path of *account*'s folder, whether it exists or not."""
    return os.path.join(directory(), "accounts", quoted(account))


def folders() -> list[str]:
    """
    Return the paths of all accounts' folders, sorted.

    Raises Temporary if the home is there but cannot be read now (an AFS home without a ticket): never "no accounts".
    """
    top = os.path.join(directory(), "accounts")
    try:
        names = os.listdir(top)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise errors.Temporary(
            f"The directory of the sign-ins cannot be read now: {top} ({error.strerror})",
            remedy=f"Try: ls -ld {top}",
        ) from error
    return sorted(os.path.join(top, name) for name in names if not name.startswith("."))


def make(path: str) -> None:
    """Make the directory *path* and what is missing above it; ours get mode 0700 whatever the umask."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        make(parent)
    ours = path == directory() or path.startswith(directory() + os.sep)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    if ours:
        os.chmod(path, 0o700)


def check(account_folder: str) -> None:
    """
    Refuse a store that others could change, and close one that others could read.

    Raises Misconfigured (78), with the command that repairs it, for a foreign owner, a path that others may write to
    (sticky directories excepted) and a symbolic link inside the account's folder; the home itself may lie behind one.
    """
    accounts = os.path.dirname(account_folder)
    top = os.path.dirname(accounts)
    for path in (top, accounts, account_folder):
        _check_ours(path, follow=path == top)
    _check_above(os.path.realpath(top))
    for name in ("profile.json", "cache.json", "lock", "state.json"):
        _check_ours(os.path.join(account_folder, name), follow=False)


def _check_ours(path: str, *, follow: bool) -> None:
    try:
        found = os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise errors.Temporary(f"{path} cannot be read now ({error.strerror})", remedy=f"Try: ls -ld {path}") from error
    if stat.S_ISLNK(found.st_mode):
        raise errors.Misconfigured(
            f"{path} is a symbolic link, which could lead anywhere",
            remedy=f"Put the real thing there: ls -l {path}",
        )
    if found.st_uid != os.geteuid():
        raise errors.Misconfigured(
            f"{path} belongs to user id {found.st_uid}, and this runs as user id {os.geteuid()}",
            remedy="Run it as the user who signed in (no sudo)"
            if os.geteuid() == 0
            else f"Give it back to its user: sudo chown -R $(id -un) {path}",
        )
    if found.st_mode & 0o022:
        raise errors.Misconfigured(
            f"Others may write to {path} (mode {stat.S_IMODE(found.st_mode):04o})",
            remedy=f"Run: chmod go-w {path}",
        )
    if found.st_mode & 0o077:
        os.chmod(path, stat.S_IMODE(found.st_mode) & 0o700)
        notices.say(f"{path} could be read by others and was closed")


def _check_above(path: str) -> None:
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        try:
            found = os.stat(path)
        except OSError:
            return  # what cannot be looked at from here is not ours to judge (a container, an AFS mount)
        writers = found.st_mode & 0o022
        if writers == stat.S_IWGRP and found.st_uid == os.geteuid() and _is_private_group(found.st_gid):
            continue
        if writers and not found.st_mode & stat.S_ISVTX:
            raise errors.Misconfigured(
                f"Others may write to {path}, above the store (mode {stat.S_IMODE(found.st_mode):04o})",
                remedy=f"Run: chmod go-w {path}",
            )


def _is_private_group(gid: int) -> bool:
    """Is this the user's own group with nobody else in it? (Red Hat's and Debian's user private groups)."""
    import grp  # noqa: PLC0415 - asked only where a group may write
    import pwd  # noqa: PLC0415

    try:
        me = pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(gid)
    except KeyError:
        return False
    return gid == me.pw_gid and group.gr_name == me.pw_name and not set(group.gr_mem) - {me.pw_name}
