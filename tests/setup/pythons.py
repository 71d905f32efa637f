"""
The Pythons of this machine that an ordinary user can run; one that only root can read is copied.

Looked for in /usr/bin, on PATH, in pyenv's and in uv's directories.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

#: What the package is tested with, and an older one that may run a distribution's OfflineIMAP.
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
_ASK = "import sys, ssl, venv, ensurepip; print('%d.%d' % sys.version_info[:2]); print(sys.base_prefix)"


def directories(work: Path, user: int | None) -> list[str]:
    """Return the directories of one Python of each version that *user* (None: this one) can run, for the PATH."""
    found = (next(_usable(version, work, user), None) for version in VERSIONS)
    return list(dict.fromkeys(str(path.parent) for path in found if path))


def _usable(version: str, work: Path, user: int | None):  # type: ignore[no-untyped-def] # noqa: ANN202
    """Yield the executables of *version* that *user* can run."""
    home = Path(os.environ.get("HOME", "/nonexistent"))
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    folders = [Path("/usr/bin"), Path("/usr/local/bin"), *map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    folders += sorted(pyenv.glob(f"versions/{version}.*/bin"), reverse=True)
    folders += sorted((home / ".local/share/uv/python").glob(f"cpython-{version}.*/bin"), reverse=True)
    for executable in (folder / f"python{version}" for folder in dict.fromkeys(folders)):
        prefix = _prefix(executable, version, None)
        if prefix and _prefix(executable, version, user):
            yield executable
        elif prefix:
            copy = work / f"python-{version}" / "bin" / f"python{version}"
            if not copy.exists():
                _copy(executable, Path(prefix), copy, version)
            if _prefix(copy, version, user):
                yield copy


def _prefix(executable: Path, version: str, user: int | None) -> str:
    """Return the prefix of a Python, empty if it is not of *version*, lacks venv, or cannot be run by *user*."""
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", _ASK], user=user, capture_output=True, text=True, check=True, timeout=60, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    told, prefix = answer.stdout.split("\n")[:2]
    return prefix if told == version else ""


def _copy(executable: Path, prefix: Path, copy: Path, version: str) -> None:
    """Copy a Python and its library, without what is installed into it."""
    name, place = f"python{version}", copy.parents[1]
    shutil.rmtree(place, ignore_errors=True)
    left_out = shutil.ignore_patterns("test", "tests", "site-packages", "idlelib", "tkinter", "*.opt-?.pyc", "config-*")
    shutil.copytree(prefix / "lib" / name, place / "lib" / name, symlinks=True, ignore=left_out)
    (place / "lib" / name / "site-packages").mkdir()
    for library in (prefix / "lib").glob("libpython*.so*"):
        shutil.copy2(library, place / "lib" / library.name, follow_symlinks=False)
    copy.parent.mkdir()
    # The executable looks for libpython in the old place: a string that a shorter one may replace (ld.so(8), $ORIGIN).
    old, new = f"{prefix}/lib\0".encode(), b"$ORIGIN/../lib\0"
    copy.write_bytes((prefix / "bin" / name).read_bytes().replace(old, new.ljust(len(old), b"\0")))
    copy.chmod(0o755)
    place.chmod(0o755)
