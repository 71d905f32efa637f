"""
Which Python runs a program on the PATH, and which OfflineIMAP it finds.

The first line of a script names it; pip's and Debian's forms are followed, and a shell script that only starts it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from offlineimap_m365.base import environment, errors, process

#: Seconds for the other Python to tell where OfflineIMAP is.
_PATIENCE = 5.0
#: Bytes of a script that are read, and of a file of OfflineIMAP's.
_HEAD, _LARGEST = 1 << 12, 1 << 20
#: The last command of a shell script: pip's for a long path (distlib's scripts.py), or a user's own.
_EXEC = re.compile(r"^\s*(?:''')?exec'?\s+(.+)$", re.MULTILINE)
_PYTHON = re.compile(r"(?:^|/)(?:python|pypy)[0-9.]*$")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
#: An option of Python that takes no word of its own, and an assignment of env(1).
_SKIPPED = re.compile(r"-[A-Za-z]+$|\w+=.*")

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
        ours = f"{sys.version_info.major}.{sys.version_info.minor}"
        is_same_version = self.python.split(".")[:2] == ours.split(".")
        return os.path.realpath(self.prefix) != os.path.realpath(sys.prefix) or not is_same_version


def which(name: str) -> Path | None:
    """Return the program that *name* starts: on the PATH, else beside this Python."""
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    return Path(path) if path else None


def look(path: Path) -> Build:
    """Return the OfflineIMAP that the script *path* starts. Raises UnknownError, LostError."""
    interpreter, script = find_interpreter(path)
    version, prefix, origin = _ask(interpreter, script)
    if origin is None:
        kind = UnknownError if environment.python_path() or script != path else LostError
        raise kind(f"Python {version} ({interpreter}), which runs it, has no OfflineIMAP")
    package = Path(origin).parent
    feature = _text(package / "repository" / "IMAP.py")  # as the plugin recognises the build (contract §2)
    asks_always = "getoauth2_access_token_getter" in feature if feature else None
    return Build(interpreter, version, prefix, _version(package), asks_always)


def find_interpreter(path: Path, *, is_wrapped: bool = False) -> tuple[Path, Path]:
    """Return the Python that runs the script *path*, and the script that it is given; *is_wrapped*: by another one."""
    first, _, text = _text(path, _HEAD).partition("\n")
    words = first[2:].split() if first.startswith("#!") else []
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not _SKIPPED.match(word)]
    if not words:
        raise UnknownError("it is not a script, so which Python runs it cannot be known")
    if _PYTHON.search(words[0]):
        return _existing(words[0]), path
    commands = _EXEC.findall(text)
    if Path(words[0]).name not in _SHELLS or not commands or is_wrapped:
        raise UnknownError("which Python runs it cannot be known")
    return _started_by(commands[-1], path)


def _started_by(command: str, path: Path) -> tuple[Path, Path]:
    """Return what find_interpreter() does for the shell script *path* that ends with this *command*."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    program = shutil.which(words[0]) if words and "$" not in words[0] else None
    if program is None:
        raise UnknownError("it is a shell script, so which Python runs it cannot be known")
    if not _PYTHON.search(words[0]):
        return find_interpreter(Path(program), is_wrapped=True)
    script = next((word for word in words[1:] if not _SKIPPED.match(word)), "$0")
    return _existing(words[0]), path if "-m" in words or "$" in script else Path(script)


def _existing(python: str) -> Path:
    """Return the path of the interpreter *python*, a path or a name on the PATH."""
    path = shutil.which(python)
    if path is None:
        raise LostError(f"{errors.printable(python)}, which runs it, is not there")
    return Path(path)


def _ask(interpreter: Path, script: Path) -> tuple[str, str, str | None]:
    """Return version and prefix of the *interpreter*, and where it finds OfflineIMAP when it runs *script*."""
    done = process.run([str(interpreter), "-I", "-c", _CODE, str(script.resolve().parent)], seconds=_PATIENCE)
    try:
        version, prefix, origin = json.loads(done.out)
    except ValueError as error:
        raise UnknownError(f"{interpreter}, which runs it, does not answer") from error
    return errors.printable(str(version)), str(prefix), origin if isinstance(origin, str) else None


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
