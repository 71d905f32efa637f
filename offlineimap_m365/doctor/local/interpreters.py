"""
Which Python runs the OfflineIMAP on the PATH, and which OfflineIMAP it finds.

The first line of a script names its Python, or the second one in pip's form for a long path (distlib's scripts.py).
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sys
from pathlib import Path

from offlineimap_m365.base import environment, errors, process

#: Seconds for the other Python to tell where OfflineIMAP is.
_PATIENCE = 5.0
#: Bytes of a script that are read, and of a file of OfflineIMAP's.
_HEAD, _LARGEST = 1 << 12, 1 << 20
_PYTHON = re.compile(r"(?:^|/)(?:python|pypy)[0-9.]*$")
#: The lines of a script that name it: all words of the first one, or what pip's second one starts.
_NAMED = re.compile(r"""#!\s*(.*)|'''exec'\s+("[^"]+"|\S+)""")

#: Runs in the other Python, isolated (-I). Two directories count as they do when Python runs the script: its own, which
#: comes first, and the one for what a user installs (docs.python.org/3/library/site.html).
_CODE = """
import importlib.util, json, site, sys
sys.path.insert(0, sys.argv[1])
sys.path.append(site.getusersitepackages())
spec = importlib.util.find_spec("offlineimap")
print(json.dumps([sys.version.split()[0], sys.prefix, spec.origin if spec else None]))
"""


class UnknownError(Exception):
    """Which Python runs it, or what that finds, cannot be known; the text says why."""


class LostError(Exception):
    """What should run it is not there; the text says what."""


@dataclasses.dataclass(frozen=True)
class Build:
    """
    An OfflineIMAP: its *version*, and the *interpreter* of version *python* and with *prefix* that runs it.

    *asks_always*: it evaluates oauth2_access_token_eval for each connection (8.0.3 on), not once per process; None if
    that cannot be known.
    """

    interpreter: Path
    python: str
    prefix: str
    version: str | None = None
    asks_always: bool | None = None

    @property
    def is_foreign(self) -> bool:
        """Is its Python another one than this program's, or of another version?"""
        is_same_version = self.python.split(".")[:2] == [str(part) for part in sys.version_info[:2]]
        return os.path.realpath(self.prefix) != os.path.realpath(sys.prefix) or not is_same_version


def which(name: str) -> Path | None:
    """Return the program that *name* starts: on the PATH, else beside this Python."""
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    return Path(path) if path else None


def look(path: Path) -> Build:
    """Return the OfflineIMAP that the script *path* starts. Raises UnknownError, LostError."""
    interpreter = find_interpreter(path)
    result = process.run([str(interpreter), "-I", "-c", _CODE, str(path.resolve().parent)], seconds=_PATIENCE)
    try:
        version, prefix, origin = json.loads(result.out)
    except ValueError as error:
        raise UnknownError(f"{interpreter}, which runs it, does not answer") from error
    version = errors.printable(str(version))
    if origin is None:
        kind = UnknownError if environment.python_path() else LostError
        raise kind(f"Python {version} ({interpreter}), which runs it, has no OfflineIMAP")
    package = Path(origin).parent
    feature = _text(package / "repository" / "IMAP.py")  # as the plugin recognises the build (contract §2)
    asks_always = "getoauth2_access_token_getter" in feature if feature else None
    return Build(interpreter, version, prefix, _version(package), asks_always)


def find_interpreter(path: Path) -> Path:
    """Return the Python that runs the script *path*. Raises UnknownError, LostError."""
    for line in filter(None, map(_NAMED.match, _text(path, _HEAD).splitlines()[:2])):
        words = [line[2].strip('"')] if line[2] else line[1].split()
        python = next((word for word in words if _PYTHON.search(word)), None)
        if python is not None:
            interpreter = shutil.which(python)
            if interpreter is None:
                raise LostError(f"{errors.printable(python)}, which runs it, is not there")
            return Path(interpreter)
    raise UnknownError("which Python runs it cannot be known, since it is not a script of Python's")


def _version(package: Path) -> str | None:
    """Return the version in OfflineIMAP's own files; no two distributions keep its metadata in one place."""
    for name in ("version.py", "__init__.py"):
        line = re.search(r"^__version__\s*=\s*[\"']([0-9][^\"']{0,40})[\"']", _text(package / name), re.MULTILINE)
        if line:
            return errors.printable(line[1])
    return None


def _text(path: Path, most_bytes: int = _LARGEST) -> str:
    """Return the beginning of a file, an empty text if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(most_bytes).decode("utf-8", "replace")
    except OSError:
        return ""
