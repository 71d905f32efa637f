"""
Where an access token may rest while its store is slow: a closed folder of this login session, in memory.

Only the access token, never what gets another one. It counts as long as the store has not changed since.
Loaded by foreign interpreters and before a fresh token: standard library and Python 3.9 only.
"""

from __future__ import annotations

import os
import stat

from offlineimap_m365.base import environment

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from typing import Any

#: The file in an account's folder that changes with every write to a slow store, by the store's kind.
_WITNESSES = {"keyring": "keyring.json", "gpg": "cache.json.gpg"}
_NAME = "offlineimap-m365"


def witness(folder: str, store: str) -> str:
    """Return the path of the file by which a write to the slow *store* of the account in *folder* is noticed."""
    return os.path.join(folder, _WITNESSES.get(store.partition(":")[0], "cache.json"))


def generation(path: str) -> tuple[int, ...] | None:
    """Return a file's inode, time and size, which change whenever it is replaced: one ``stat``; None if it is gone."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def read(folder: str, store: str) -> Any:
    """
    Return what rests of the account in *folder*, in MSAL's own JSON; None if nothing does, or the *store* changed.

    Never raises: whatever is wrong with the runtime folder, the store has the token as well.
    """
    import json  # noqa: PLC0415 - warm has it

    try:
        path = _path(folder)
        if path is None or not _is_closed(os.lstat(path), stat.S_ISREG):
            return None
        with open(path, "rb") as file:
            found = json.load(file)
        here = generation(witness(folder, store))
        return found["cache"] if here is not None and found["generation"] == list(here) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write(folder: str, store_generation: tuple[int, ...], entry: dict[str, Any], key: str) -> None:
    """
    Let the access token's *entry*, which MSAL files under *key*, rest; best effort.

    *store_generation* is what generation() said before the store was read, or after it was written.
    """
    import json  # noqa: PLC0415 - not for who finds the token in its file

    document = {"generation": list(store_generation), "cache": {"AccessToken": {key: entry}}}
    try:
        top = _folder()
        if top is None:
            return
        if not os.path.isdir(top):
            os.mkdir(top, 0o700)
            os.chmod(top, 0o700)
        path = _path(folder)
        if path is not None:
            _replace(path, json.dumps(document).encode("ascii"))
    except OSError:
        return


def forget(folder: str) -> None:
    """
    Remove what rests of the account in *folder*, in every place where it could; nothing there is no error.

    With it goes what a killed writer left beside it, which holds the same token.
    """
    name = _file(folder)
    for top in _tops():
        place = os.path.join(top, _NAME)
        try:
            found = [path for path in os.listdir(place) if path == name or path.startswith(name + ".")]
        except OSError:
            continue
        for path in found:
            try:
                os.unlink(os.path.join(place, path))
            except OSError:  # noqa: PERF203 - one or two; another forgets the same, or the writer was done
                continue


def _replace(path: str, data: bytes) -> None:
    """Replace *path* whole; not durably, since it is gone with the session anyway."""
    beside = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(data)
        os.replace(beside, path)
    except BaseException:  # Ctrl-C, too
        if os.path.lexists(beside):  # forget() may have come first
            os.unlink(beside)
        raise


def _path(folder: str) -> str | None:
    """Return the path of what rests of the account in *folder*, None where there is no closed folder of ours."""
    top = _folder()
    try:
        if top is None or not _is_closed(os.lstat(top), stat.S_ISDIR):
            return None
    except OSError:
        return None
    return os.path.join(top, _file(folder))


def _file(folder: str) -> str:
    import hashlib  # noqa: PLC0415 - only for accounts with a slow store

    return hashlib.sha256(folder.encode("utf-8", "surrogatepass")).hexdigest() + ".json"


def _folder() -> str | None:
    tops = _tops()
    return os.path.join(tops[0], _NAME) if tops else None


def _tops() -> list[str]:
    """Return the session's runtime folders that are ours and closed to everybody else, the one that is named first."""
    found = []
    for path in environment.runtime_folders():
        try:
            if _is_closed(os.stat(path), stat.S_ISDIR):
                found.append(path)
        except OSError:  # noqa: PERF203 - the same
            continue
    return found


def _is_closed(found: os.stat_result, is_kind: Any) -> bool:
    return bool(is_kind(found.st_mode)) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
