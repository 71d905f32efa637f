"""
Which Python runs a program on the PATH, and what OfflineIMAP it finds.

A script's first line names it; pip's and Debian's are followed, and so is a short shell script that does nothing else.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from offlineimap_m365.base import environment, errors

#: Seconds for the other Python to tell where OfflineIMAP is.
_PATIENCE = 5.0
#: Bytes of a script that are read, and of a file of OfflineIMAP's.
_HEAD, _LARGEST = 1 << 12, 1 << 20
#: Shell scripts that start shell scripts that …
_DEEPEST = 3
#: What a shell script starts, in its last words: pip's for a long path (distlib's scripts.py), or somebody's own.
_EXEC = re.compile(r"^\s*(?:''')?exec'?\s+(?P<what>.+)$", re.MULTILINE)
_PYTHON = re.compile(r"(?:^|/)(?:python|pypy)[0-9.]*$")
#: Options of Python that take no word of their own.
_OPTION = re.compile(r"-[A-Za-z]+$")

#: Runs in the other Python, isolated (-I). Two directories count as they do when Python runs the script: its own, which
#: comes first, and the one for what a user installs (docs.python.org/3/library/site.html).
_CODE = """
import importlib.util, json, site, sys
sys.path.insert(0, sys.argv[1])
sys.path.append(site.getusersitepackages())
spec = importlib.util.find_spec("offlineimap")
print(json.dumps([sys.version.split()[0], sys.prefix, spec.origin if spec else None]))
"""


class Unknown(Exception):
    """Which Python runs it, or what that finds, cannot be told; the text says why."""


class Lost(Exception):
    """What should run it is not there; the text says what."""


@dataclasses.dataclass(frozen=True)
class Found:
    """
    An OfflineIMAP: its *version*, and the *interpreter* of version *python* and with *prefix* that runs it.

    *asks_always*: it evaluates oauth2_access_token_eval for each connection (8.0.3 on), not once per process; None if
    that cannot be told.
    """

    interpreter: Path
    python: str
    prefix: str
    version: str | None = None
    asks_always: bool | None = None

    @property
    def is_foreign(self) -> bool:
        """Is its Python another one than this program's?"""
        own = (os.path.realpath(sys.prefix), platform.python_version_tuple()[:2])
        return (os.path.realpath(self.prefix), tuple(self.python.split(".")[:2])) != own

    @property
    def is_python_2(self) -> bool:
        """Is it for Python 2?"""
        return self.python.startswith("2")

    @property
    def major(self) -> int | None:
        """The first number of its version."""
        found = re.match(r"\d+", self.version or "")
        return int(found[0]) if found else None


def which(name: str) -> Path | None:
    """Return the program that *name* starts: on the PATH, else beside this Python."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    return Path(found) if found else None


def look(path: Path) -> Found:
    """Return what OfflineIMAP the script *path* starts. Raises Unknown, and Lost if what runs it is not there."""
    interpreter, script = find_interpreter(path)
    version, prefix, origin = _ask(interpreter, script)
    if origin is None:
        if version.startswith("2"):
            return Found(interpreter, version, prefix)
        kind = Unknown if environment.python_path() or script != path else Lost
        raise kind(f"Python {version} ({interpreter}), which runs it, has no OfflineIMAP")
    package = Path(origin).parent
    return Found(interpreter, version, prefix, _version(package), _asks_always(package))


def find_interpreter(path: Path, depth: int = 0) -> tuple[Path, Path]:
    """Return the Python that runs the script *path*, and the script that it is given."""
    try:
        with path.open("rb") as file:
            text = file.read(_HEAD).decode("utf-8", "replace")
    except OSError as error:
        raise Unknown(f"it cannot be read ({error.strerror})") from error
    first = text.partition("\n")[0]
    if not first.startswith("#!"):
        raise Unknown("it is no script, so which Python runs it cannot be told")
    words = first[2:].split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not _OPTION.match(word) and "=" not in word]
        words[:1] = [str(_on_path(words[0]))] if words else []
    if words and _PYTHON.search(words[0]):
        return _there(Path(words[0])), path
    if not words or Path(words[0]).name not in {"sh", "bash", "dash", "zsh", "ksh"} or depth >= _DEEPEST:
        raise Unknown("which Python runs it cannot be told")
    return _of_shell(text, path, depth)


def _of_shell(text: str, path: Path, depth: int) -> tuple[Path, Path]:
    """Return what find_interpreter() does for a shell script that ends by handing over to something else."""
    found = list(_EXEC.finditer(text))
    words = _words(found[-1]["what"]) if found else []
    if not words or any("$" in word or "`" in word for word in words[:1]):
        raise Unknown("it is a shell script, so which Python runs it cannot be told")
    program = Path(words[0] if "/" in words[0] else shutil.which(words[0]) or "")
    if not program.is_absolute():
        raise Unknown("it is a shell script, so which Python runs it cannot be told")
    if not _PYTHON.search(words[0]):
        return find_interpreter(program, depth + 1)
    given = next((word for word in words[1:] if not _OPTION.match(word)), "$0")
    is_itself = "-m" in words or "$" in given
    return _there(program), path if is_itself else Path(given)


def _words(text: str) -> list[str]:
    """Return the words of a shell's command, without quotes."""
    return [word.strip("\"'") for word in re.findall(r"\"[^\"]*\"|'[^']*'|[^\s\"']+", text) if word.strip("\"'")]


def _on_path(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise Lost(f"{errors.printable(name)}, which runs it, is not on the PATH")
    return Path(found)


def _there(interpreter: Path) -> Path:
    if not os.access(interpreter, os.X_OK):
        raise Lost(f"{interpreter}, which runs it, is not there")
    return interpreter


def _ask(interpreter: Path, script: Path) -> tuple[str, str, str | None]:
    """Return version and prefix of the *interpreter*, and where it finds OfflineIMAP when it runs *script*."""
    try:
        done = subprocess.run(
            [str(interpreter), "-I", "-c", _CODE, str(script.resolve().parent)],
            env=environment.for_child(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unknown(f"{interpreter}, which runs it, does not answer ({type(error).__name__})") from error
    if b"Unknown option: -I" in done.stderr:  # which Python has since 3.4 (docs.python.org/3/using/cmdline.html)
        return "2", "", None
    try:
        version, prefix, origin = json.loads(done.stdout)
    except ValueError as error:
        raise Unknown(f"{interpreter}, which runs it, fails") from error
    return errors.printable(str(version)), str(prefix), origin if isinstance(origin, str) else None


def _version(package: Path) -> str | None:
    """Return the version that OfflineIMAP's own files say; no distribution keeps its metadata in one place."""
    for name in ("version.py", "__init__.py"):
        found = re.search(r"^__version__\s*=\s*[\"']([0-9][^\"']{0,40})[\"']", _text(package / name), re.MULTILINE)
        if found:
            return errors.printable(found[1])
    return None


def _asks_always(package: Path) -> bool | None:
    """Tell how the build evaluates oauth2_access_token_eval, by the feature that plugin looks for (contract §2)."""
    text = _text(package / "repository" / "IMAP.py")
    return "getoauth2_access_token_getter" in text if text else None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
