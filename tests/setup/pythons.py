"""
The Pythons of this machine that an ordinary user can run; those that only root can read are copied.

Looked for in /usr/bin, on PATH, in pyenv's and in uv's directories.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.setup import process
from tests.setup.report import StepError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.setup.user import User

#: What the package is tested with; any later one is allowed too.
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
#: Foreign interpreters read a fresh token with the pythonfile down to this one.
FOREIGN = ("3.9",)

_ASK = """
import sys, ssl, venv, ensurepip, json
print(json.dumps([sys.version_info[:2], getattr(sys, "_base_executable", sys.executable), sys.base_prefix]))
"""
_COPIED_BY = 1  # raise it when `_copy` changes, so that older copies are not taken


@dataclass(frozen=True)
class Python:
    """An interpreter: its *version* as ``3.11``, its *executable* and the *prefix* it is installed below."""

    version: str
    executable: Path
    prefix: Path

    def key(self) -> str:
        """Return what tells this build from another of the same version."""
        stat = self.executable.resolve().stat()
        return f"{self.version} {self.executable} {stat.st_size} {stat.st_mtime_ns} {_COPIED_BY}"


def find(versions: tuple[str, ...], given: Mapping[str, str] = os.environ) -> list[Python]:
    """Return one interpreter for each of *versions* that is there, the system's before others."""
    found = []
    for version in versions:
        asked = (_ask(candidate, version) for candidate in _candidates(version, given))
        first = next((python for python in asked if python), None)
        if first:
            found.append(first)
    return found


def _candidates(version: str, given: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that may be Python *version*, each once."""
    home = Path(given.get("HOME", "/nonexistent"))
    pyenv = Path(given.get("PYENV_ROOT") or home / ".pyenv")
    uv = Path(given.get("XDG_DATA_HOME") or home / ".local/share") / "uv/python"
    named = ["/usr/bin", "/usr/local/bin", *filter(None, given.get("PATH", "").split(os.pathsep))]
    folders = [Path(name) for name in named]
    folders += sorted(pyenv.glob(f"versions/{version}.*/bin"), reverse=True)
    folders += sorted(uv.glob(f"cpython-{version}.*/bin"), reverse=True)
    for folder in dict.fromkeys(folders):
        if os.access(folder / f"python{version}", os.X_OK):
            yield folder / f"python{version}"


def _ask(candidate: Path, version: str) -> Python | None:
    """Return what *candidate* says of itself; None for a launcher of nothing or without ensurepip."""
    environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/nonexistent")}
    try:
        answer = json.loads(process.run([candidate, "-I", "-c", _ASK], environ=environ, timeout=60))
    except (StepError, json.JSONDecodeError, OSError):
        return None
    numbers, executable, prefix = answer
    if ".".join(map(str, numbers)) != version:
        return None
    return Python(version, Path(executable), Path(prefix))


def readable(python: Python, folder: Path, user: User | None) -> Python | None:
    """Return *python* if *user* can run it, else a copy below *folder*; None if that does not run either."""
    if _runs(python, user):
        return python
    place = folder / f"{python.version}-{hashlib.sha256(python.key().encode()).hexdigest()[:10]}"
    if not place.exists():
        unfinished = place.with_name(place.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _copy(python, unfinished)
        if not _runs(_moved(python, unfinished), user):
            return None
        unfinished.replace(place)
    return _moved(python, place)


def _moved(python: Python, place: Path) -> Python:
    """Return *python* as it is after it was copied to *place*."""
    return replace(python, executable=place / "bin" / f"python{python.version}", prefix=place)


def _runs(python: Python, user: User | None) -> bool:
    """Tell whether *user* can run *python* with an empty environment."""
    try:
        process.run([python.executable, "-I", "-c", _ASK], environ={}, user=user, timeout=60)
    except (StepError, PermissionError):
        return False
    return True


def _copy(python: Python, place: Path) -> None:
    """Copy the interpreter and its library to *place*, without what is installed into it."""
    name = f"python{python.version}"
    library = place / "lib"
    left_out = shutil.ignore_patterns("test", "tests", "site-packages", "idlelib", "tkinter", "*.opt-?.pyc", "config-*")
    shutil.copytree(python.prefix / "lib" / name, library / name, symlinks=True, ignore=left_out)
    (library / name / "site-packages").mkdir()
    for shared in (python.prefix / "lib").glob("libpython*.so*"):
        shutil.copy2(shared, library / shared.name, follow_symlinks=False)
    executable = place / "bin" / name
    executable.parent.mkdir()
    shutil.copy2(python.prefix / "bin" / name, executable)
    for other in ("python3", "python"):
        executable.with_name(other).symlink_to(name)
    _find_library_beside(executable, python.prefix / "lib")
    place.chmod(0o755)


def _find_library_beside(executable: Path, old: Path) -> None:
    """
    Have *executable* look for libpython beside itself instead of in *old*, where the user may not look.

    The search path is a string in the file, ended by a zero byte, that may be replaced by a shorter one
    (ld.so(8), ``$ORIGIN``); LD_LIBRARY_PATH would not reach a program that is run with an empty environment.
    """
    before, after = f"{old}\0".encode(), b"$ORIGIN/../lib\0"
    if len(after) <= len(before):
        data = executable.read_bytes()
        executable.write_bytes(data.replace(before, after.ljust(len(before), b"\0")))
