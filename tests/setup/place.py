"""
The two directories of a run: one that is kept, for what takes long to make, and one that goes.

The first holds interpreters, wheels, virtual environments and the caches of ruff and mypy. The second has a
short name, since the path of a Unix socket ends at 107 characters (unix(7)), and holds a copy of the
checkout: a run does not change the checkout, and the ordinary user need not see it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.setup import user as users
from tests.setup.report import StepError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.setup.user import User

ROOT = Path(__file__).resolve().parents[2]
_TRUSTED = (
    "-c",
    "safe.directory=*",
)  # root in a user's checkout: git refuses otherwise, and we only list files


@contextlib.contextmanager
def kept(given: str | None, user: User | None) -> Iterator[Path]:
    """Yield the directory that is kept between runs, *given* or below /var/tmp; one run at a time has it."""
    place = Path(given or f"/var/tmp/offlineimap-m365-tests-{os.geteuid()}").absolute()
    place.mkdir(mode=0o755, parents=True, exist_ok=True)
    stat = place.lstat()
    if stat.st_uid != os.geteuid() or stat.st_mode & 0o022 or place.is_symlink():
        raise StepError(f"{place} belongs to somebody else or can be written by others. Run: rm -rf {place}")
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cache = place / "cache"
        cache.mkdir(exist_ok=True)
        users.give(cache, user)
        yield place


@contextlib.contextmanager
def passing(user: User | None, *, keep: bool) -> Iterator[Path]:
    """Yield a new directory of *user*'s with ``home``, ``tmp`` and ``tree``, the copy of the checkout."""
    place = Path(tempfile.mkdtemp(prefix="m365run-", dir="/tmp" if os.access("/tmp", os.W_OK) else None))
    try:
        for name in ("home", "tmp"):
            (place / name).mkdir(mode=0o700)
        copy_tree(ROOT, place / "tree")
        users.give(place, user)
        yield place
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


def copy_tree(root: Path, target: Path) -> int:
    """Copy what git keeps or would keep of *root* to *target*, and return how many files that is."""
    names = _listed(root)
    for name in names:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, copy, follow_symlinks=False)
    return len(names)


def _listed(root: Path) -> list[str]:
    """Return the files of *root*, also those not yet added; without git (an sdist) all but hidden ones."""
    command = [
        "git",
        *_TRUSTED,
        "-C",
        str(root),
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]
    if (root / ".git").exists() and shutil.which("git"):
        answer = subprocess.run(command, capture_output=True, check=True).stdout
        listed = [os.fsdecode(name) for name in answer.split(b"\0") if name]
    else:
        parts = [path.relative_to(root) for path in root.rglob("*")]
        listed = [str(path) for path in parts if not _is_passing(path)]
    return [name for name in listed if (root / name).is_file() or (root / name).is_symlink()]


def _is_passing(path: Path) -> bool:
    """Tell whether *path* is nothing that a release holds."""
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
