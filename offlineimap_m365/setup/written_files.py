"""
Writes files only where none exist, and remembers them with a digest: ``setup --undo`` removes what is still unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from typing import TYPE_CHECKING

from offlineimap_m365.base import atomic_file, errors, paths, safe_file
from offlineimap_m365.base.errors import Remedy

if TYPE_CHECKING:
    from pathlib import Path


def write_new(account: str, path: Path, text: str) -> bool:
    """
    Write *text* to *path* with mode 0600 and remember it for *account*; return False if a file is there already.

    It is remembered first, so that a file that was written before a crash is in the list. Raises Temporary,
    Misconfigured.
    """
    data = text.encode("utf-8")
    try:
        if os.path.lexists(path):
            return False
        _remember(account, {**written(account), str(path): hashlib.sha256(data).hexdigest()})
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)  # unlike a rename, this never replaces a file
    except FileExistsError:
        return False
    except OSError as error:
        raise errors.for_oserror(error)(
            f"{path} cannot be written ({error.strerror})",
            account=account,
            remedy=Remedy("Look at the directory", f"ls -ld {errors.quoted(str(path.parent))}"),
        ) from error
    return True


def written(account: str) -> dict[str, str]:
    """Return the paths that were written for *account*, with the SHA-256 of each; also after ``logout --all``."""
    try:
        listed = json.loads(safe_file.read(_list(account), is_ours=True))
    except (FileNotFoundError, ValueError):
        return {}
    return {k: v for k, v in listed.items() if isinstance(v, str)} if isinstance(listed, dict) else {}


def unchanged(account: str) -> list[str]:
    """Return the paths that were written for *account* and still are as they were written."""
    return [path for path, digest in written(account).items() if _digest(path) == digest]


def remove(account: str, path: str) -> None:
    """Remove the file *path*, and its entry in the list. Raises OSError."""
    atomic_file.remove(path)
    _remember(account, {key: digest for key, digest in written(account).items() if key != path})


def _remember(account: str, files: dict[str, str]) -> None:
    atomic_file.write_whole(_list(account), json.dumps(files, indent=1).encode("utf-8"))


def _list(account: str) -> str:
    return f"{paths.folder(account)}/{paths.SETUP_LIST}"


def _digest(path: str) -> str | None:
    try:
        return hashlib.sha256(safe_file.read(path)).hexdigest()
    except (OSError, errors.M365Error):
        return None
