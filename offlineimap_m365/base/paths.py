"""
The paths of the home directory and of an account's folder, and whether another user could replace what is there.

The path is judged from / downward, links included, as ssh's StrictModes does: in a directory that passed, only root
and the user can replace an entry, so what was judged is what is opened afterwards.

Loaded by foreign interpreters and before every fresh token: standard library and Python 3.9 only, nothing slow.
"""

from __future__ import annotations

import os
import stat

from offlineimap_m365.base import environment, errors, safe_file
from offlineimap_m365.base.errors import Remedy

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~@+")
#: What release 0.1.0 may have written before the first sign-in, which makes ``accounts``.
_OUR_FILES = frozenset({"data", "notify.json", "pythonfile.py"})
#: The files that ``setup`` wrote, in an account's folder; they outlive the account, for ``setup --undo``.
SETUP_LIST = "setup.json"
_SET_HOME = Remedy("Set OFFLINEIMAP_M365_HOME to a directory of its own, such as ~/offlineimap-m365")
#: Links on one path; Linux follows as many (path_resolution(7)).
_MOST_LINKS = 40
_LONGEST = 200  # bytes of a quoted name; most file systems take 255


def directory() -> str:
    """
    Return the absolute path of the home, whether it exists or not.

    Raises Misconfigured if ``$OFFLINEIMAP_M365_HOME`` is not absolute, or if it is unset and this user has no home.
    """
    named = environment.home()
    path = named or os.path.join(environment.user_data(), "offlineimap-m365")
    if not os.path.isabs(path):  # without a name: a container's user without HOME and without an entry in passwd
        raise errors.Misconfigured(
            f"OFFLINEIMAP_M365_HOME is not an absolute path: {named}"
            if named
            else f"User id {os.geteuid()} has no home directory",
            remedy=Remedy("Set OFFLINEIMAP_M365_HOME to a path that begins with / or ~"),
        )
    return os.path.normpath(path)


def quoted(account: str) -> str:
    """
    Return the name of an account's folder: ``urllib.parse.quote(account.strip().lower(), safe="@+-_.")`` of the NFC.

    Done here, since importing urllib.parse costs more than reading a token. A leading dot becomes ``%2E``, and a name
    over 200 bytes its first 150 and a SHA-256. Bytes of a command line that are not UTF-8 name a folder that never
    exists.
    """
    if not account.isascii():
        import unicodedata  # noqa: PLC0415 - rarely needed

        account = unicodedata.normalize("NFC", account)
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

    Raises Temporary if the home exists but cannot be read now (an AFS home without a ticket, a disk that is not
    mounted): never "no accounts". Raises Misconfigured as check() does if they cannot be listed.
    """
    top = os.path.join(directory(), "accounts")
    try:
        names = os.listdir(top)
    except OSError as error:
        check()  # what is not safe, or is no directory, is not only unreadable now
        if isinstance(error, FileNotFoundError):
            return []
        raise _unreadable(top, error) from error
    return sorted(os.path.join(top, name) for name in names if not name.startswith("."))


def check(account_folder: str | None = None) -> bool:
    """
    Refuse a store that another user could replace or change, then close what others could read.

    Judges the path to the home, the home, ``accounts`` and the *account_folder* with what is in it. Return whether all
    of them exist. Raises Misconfigured (78), and Temporary (75) for what cannot be looked at now.
    """
    try:
        home = _walk(directory())
    except FileNotFoundError:
        return False
    _check_is_store(home)
    readable, exist = [], True
    for path in filter(None, (home, os.path.join(home, "accounts"), account_folder)):
        state = _lstat(path)
        if state is None:
            exist = False
            break
        if stat.S_ISLNK(state.st_mode):
            raise safe_file.refused_link(path)
        if not stat.S_ISDIR(state.st_mode):
            raise safe_file.refused(path, "is not a directory")
        if safe_file.judge_ours(state, path, tree=home):
            readable.append((path, state.st_mode))
    if account_folder and exist:
        _check_entries(account_folder)
    for path, mode in readable:
        safe_file.close(path, mode)
    return exist


def make(path: str) -> None:
    """
    Make the directory *path*, which is the home or a directory in it, and what is missing above it, with mode 0700.

    They get that mode whatever the umask. The path is judged first, as check() does. Raises OSError, too.
    """
    accounts = os.path.join(directory(), "accounts")
    account_folder = path if os.path.dirname(path) == accounts else None
    check(account_folder)
    _make(accounts)  # marks the home as a store
    _make(path)
    check(account_folder)  # again: in a sticky directory another user may have been faster


def _make(path: str) -> None:
    if _lstat(path) is not None:
        return
    _make(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return  # another process was faster
    os.chmod(path, 0o700)


def _walk(path: str) -> str:
    """
    Judge every component above the directory *path* from / downward, and each link that it leads through.

    Return its path without links. Raises FileNotFoundError if it does not exist, Temporary if a link leads to nothing
    (a disk that is not mounted now).
    """
    current, names = "/", _components(path)
    link, links, behind = "", 0, 0  # the link whose target is walked, how many there were, names that follow it
    while names:
        name = names.pop()
        step = os.path.dirname(current) if name == ".." else os.path.join(current, name)
        state = _lstat(step)
        link = link if len(names) >= behind else ""
        if state is None and link:
            raise errors.Temporary(
                f"{link} leads to {os.path.realpath(link)}, which does not exist now",
                remedy=Remedy("Mount the disk that it is on, or remove the link", f"ls -ld {errors.quoted(link)}"),
            )
        if state is None:
            raise FileNotFoundError(path)
        is_link = stat.S_ISLNK(state.st_mode)
        if is_link or names:
            safe_file.judge_above(state, step)
        if is_link:
            links += 1
            if not link:
                link, behind = step, len(names)
            if links > _MOST_LINKS:
                raise errors.Misconfigured(f"{link} leads through too many symbolic links", remedy=_SET_HOME)
            target = os.readlink(step)
            names += _components(target)
            step = "/" if target.startswith("/") else current
        current = step
    return current


def _components(path: str) -> list[str]:
    """Return the names in *path*, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _check_entries(folder: str) -> None:
    """Refuse a symbolic link, a pipe or a device in an account's *folder*."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    raise safe_file.refused_link(entry.path)
                if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
                    raise safe_file.refused(entry.path, "is not a regular file")
    except FileNotFoundError:  # a logout came first
        return
    except OSError as error:
        raise _unreadable(folder, error) from error


def _check_is_store(home: str) -> None:
    """Refuse a directory with other files, such as ``~``: it would be closed to others and written to."""
    if _lstat(os.path.join(home, "accounts")) is not None:
        return
    try:
        names = os.listdir(home)
    except OSError as error:
        raise _unreadable(home, error) from error
    if not _OUR_FILES.issuperset(names):
        raise errors.Misconfigured(
            f"{home} is not a directory of this program: it has files in it, and no directory accounts",
            meaning="Nothing was changed",
            remedy=_SET_HOME,
        )


def _lstat(path: str) -> os.stat_result | None:
    """Return the state of *path* itself, None if it does not exist; Temporary if it cannot be looked at now."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        refused = safe_file.refused(os.path.dirname(path), "is not a directory")
        # What the variable names, such as /dev/null, is not ours to move away.
        raise (refused.replaced(remedy=_SET_HOME) if environment.home() else refused) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> errors.Temporary:
    return errors.Temporary(
        f"{path} cannot be read now ({error.strerror})",
        remedy=Remedy("Look at the owners and modes of the path", f"ls -ld {errors.quoted(path)}"),
    )
