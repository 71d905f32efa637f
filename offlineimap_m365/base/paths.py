"""
Where things lie: the home directory and an account's folder in it, and whether others could reach into them.

Loaded by foreign interpreters and before every fresh token: standard library and Python 3.9 only, nothing slow.
"""

from __future__ import annotations

import os
import stat

from offlineimap_m365.base import environment, errors, notices

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~@+")
#: The owner that a container's kernel shows for whoever has no id in it, such as the machine's root (Linux's
#: user_namespaces(7), "overflowuid").
_NOBODY = 65534
_LONGEST = 200  # bytes of a quoted name; most file systems take 255


def directory() -> str:
    """
    Return the absolute path of the home, whether it exists or not.

    Raises Misconfigured if ``$OFFLINEIMAP_M365_HOME`` is not absolute, or if it is unset and this user has no home.
    """
    named = environment.home()
    if named and not os.path.isabs(named):
        raise errors.Misconfigured(
            f"OFFLINEIMAP_M365_HOME is not an absolute path: {named}",
            remedy="Set it to a path that begins with / or ~, or do without it. Run: unset OFFLINEIMAP_M365_HOME",
        )
    if named:
        return os.path.normpath(named)
    data = environment.user_data()
    if not os.path.isabs(data):  # a container's user without HOME and without an entry in passwd
        raise errors.Misconfigured(
            f"User id {os.geteuid()} has no home directory",
            remedy="Set HOME, or OFFLINEIMAP_M365_HOME to an absolute path",
        )
    return os.path.join(data, "offlineimap-m365")


def quoted(account: str) -> str:
    """
    Return the name of an account's folder: ``urllib.parse.quote(account.strip().lower(), safe="@+-_.")``.

    By hand, since importing urllib.parse costs more than reading a token. A leading dot becomes ``%2E``, and of a
    name over 200 bytes the first 150 are kept with a SHA-256. A name that is no text at all (bytes of a command line
    that are not UTF-8) gets a folder that never exists, so that whoever asks learns what is wrong with it.
    """
    plain = account.strip().lower()
    name = "".join(c if c in _SAFE else "".join(f"%{b:02X}" for b in _bytes(c)) for c in plain)
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST:
        import hashlib  # noqa: PLC0415 - rarely needed

        name = name[:150] + hashlib.sha256(_bytes(plain)).hexdigest()
    return name


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def folder(account: str) -> str:
    """Return the path of *account*'s folder, whether it exists or not."""
    return os.path.join(directory(), "accounts", quoted(account))


def folders() -> list[str]:
    """
    Return the paths of all accounts' folders, sorted.

    Raises Temporary if the home is there but cannot be read now (an AFS home without a ticket, a disk that is not
    mounted): never "no accounts".
    """
    top = os.path.join(directory(), "accounts")
    try:
        names = os.listdir(top)
    except FileNotFoundError:
        _check_link(os.path.dirname(top))
        return []
    except OSError as error:
        raise errors.Temporary(
            f"The directory of the sign-ins cannot be read now: {top} ({error.strerror})",
            remedy=f"Try: ls -ld {errors.quoted(top)}",
        ) from error
    return sorted(os.path.join(top, name) for name in names if not name.startswith("."))


def make(path: str) -> None:
    """
    Make the directory *path* and what is missing above it, with mode 0700 whatever the umask.

    That is the mode for what is missing above, too (XDG Base Directory Specification, "Referencing this
    specification"). Raises OSError.
    """
    if os.path.isdir(path):
        return
    make(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return  # somebody else was faster
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
    for name in ("profile.json", "cache.json", "lock", "state.json", "cache.json.gpg", "keyring.json"):
        _check_ours(os.path.join(account_folder, name), follow=False)


def _check_ours(path: str, *, follow: bool) -> None:
    try:
        found = os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        if follow:
            _check_link(path)
        return
    except OSError as error:
        raise errors.Temporary(
            f"{path} cannot be read now ({error.strerror})", remedy=f"Try: ls -ld {errors.quoted(path)}"
        ) from error
    if stat.S_ISLNK(found.st_mode):
        raise errors.Misconfigured(
            f"{path} is a symbolic link, which could lead anywhere",
            remedy=f"Put there what it leads to, if that is yours. Run: {_unlink(path)}",
        )
    if found.st_uid != os.geteuid():
        raise errors.Misconfigured(
            f"{path} belongs to user id {found.st_uid}, and this runs as user id {os.geteuid()}",
            remedy="Run it as the user who signed in (no sudo)"
            if os.geteuid() == 0
            else f"Give it back to its user: sudo chown -R $(id -un) {errors.quoted(path)}",
        )
    if found.st_mode & 0o022:
        raise errors.Misconfigured(
            f"Others may write to {path} (mode {stat.S_IMODE(found.st_mode):04o})",
            remedy=f"Run: chmod go-w {errors.quoted(path)}",
        )
    if found.st_mode & 0o077:
        _close(path, stat.S_IMODE(found.st_mode))


def _check_link(path: str) -> None:
    """Refuse a *path* at or above which a link leads nowhere: what it leads to is not mounted now."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if os.path.islink(path) and not os.path.exists(path):
        real = os.path.realpath(path)
        raise errors.Temporary(
            f"{path} leads to {real}, which is not there now",
            remedy=f"Mount the disk that it is on, or take the link away. Run: ls -ld {errors.quoted(path)}",
        )


def _unlink(path: str) -> str:
    """Return the command that puts what the link *path* leads to in its place."""
    link, real = errors.quoted(path), os.path.realpath(path)
    return f"rm {link} && mv {errors.quoted(real)} {link}" if os.path.lexists(real) else f"rm {link}"


def _close(path: str, mode: int) -> None:
    try:
        os.chmod(path, mode & 0o700)
    except OSError as error:  # a read-only file system, or one without modes: nothing that could be repaired here
        notices.say(f"{path} can be read by others and cannot be closed ({error.strerror})")
    else:
        notices.say(f"{path} could be read by others and was closed")


def _check_above(path: str) -> None:
    """Refuse a directory above the store in which somebody else could put another store in its place."""
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        try:
            found = os.stat(path)
        except OSError:
            return  # what cannot be looked at from here is not ours to judge (a container, an AFS mount)
        if found.st_uid not in (0, os.geteuid(), _NOBODY):
            raise errors.Misconfigured(
                f"{path}, above the store, belongs to user id {found.st_uid}, who could put another one in its place",
                remedy="Run it as the user who signed in (no sudo), or set OFFLINEIMAP_M365_HOME to a place of yours",
            )
        writers = found.st_mode & 0o022
        if writers == stat.S_IWGRP and found.st_uid == os.geteuid() and _is_private_group(found.st_gid):
            continue
        if writers and not found.st_mode & stat.S_ISVTX:
            raise errors.Misconfigured(
                f"Others may write to {path}, above the store (mode {stat.S_IMODE(found.st_mode):04o})",
                remedy=f"Run: chmod go-w {errors.quoted(path)}",
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
