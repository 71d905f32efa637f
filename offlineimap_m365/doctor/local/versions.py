"""
Which versions are installed: of this program and its libraries, and of OfflineIMAP.

The first line of a script names its Python, or the second one in pip's form for a long path (distlib's scripts.py).
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import ssl
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, process
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.check import NotTriedError
from offlineimap_m365.knowledge import installation
from offlineimap_m365.recipes import limits

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject

#: The names of the checks.
NAME, OFFLINEIMAP = "versions", "offlineimap"
#: The libraries whose versions are shown.
LIBRARIES = ("msal", "requests", "urllib3", "cryptography")
#: Characters of a script that are looked at.
_HEAD = 4096
_PYTHON = re.compile(r"(?:^|/)(?:python|pypy)[0-9.]*$")
#: The lines of a script that name it: all words of the first one, or what pip's second one starts.
_NAMED = re.compile(r"""#!\s*(.*)|'''exec'\s+("[^"]+"|\S+)""")
#: Seconds for OfflineIMAP to print its version.
_PATIENCE = 5.0


def examine_ours(machine: Subject) -> Check:
    """Return whether MSAL can be loaded."""
    failure = failure_of_msal()
    if failure is not None:
        return machine.bad(NAME, f"MSAL cannot be loaded ({errors.printable(failure)})", _repair())
    python = f"Python {platform.python_version()} ({sys.executable})"
    libraries = [f"{name} {library_version(name)}" for name in LIBRARIES]
    return machine.good(NAME, f"{errors.COMMAND} {__version__} under {python}", *libraries, ssl.OPENSSL_VERSION)


def failure_of_msal() -> str | None:
    """Return why MSAL cannot be loaded, None if it can."""
    try:
        importlib.import_module("offlineimap_m365.provider.msal_client")
    except Exception as error:  # noqa: BLE001 - whatever a broken installation raises when it is loaded
        return f"{type(error).__name__}: {error}"
    return None


def library_version(name: str) -> str | None:
    """Return the version of the Python package *name*, None if it is not installed as a package."""
    try:
        return errors.printable(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def _repair() -> Remedy:
    """Return how to get an MSAL that works: without the one that $PYTHONPATH puts first, or by a new installation."""
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    first = next((path for path in paths if any(Path(path).glob("msal*"))), None)
    if first is not None:
        return Remedy(f"PYTHONPATH puts {first} before what is installed", "unset PYTHONPATH")
    return installation.repair()


def examine_offlineimap(machine: Subject) -> Check:
    """Return which OfflineIMAP there is, which Python runs it, and whether it starts."""
    path = which(OFFLINEIMAP)
    if path is None:
        return machine.good(OFFLINEIMAP, "There is no command offlineimap; other mail programs need none")
    version, failure = start_offlineimap(path)
    if failure and os.environ.get("PYTHONPATH"):  # which it may need, and is not given here
        raise NotTriedError(f"{path} does not start without PYTHONPATH ({failure})")
    if failure:
        advice = "Its Python may have been upgraded or removed. Install it anew in the way you chose, such as"
        install = Remedy(advice, "pipx install --force 'offlineimap>=8.0.2'")
        return machine.bad(OFFLINEIMAP, f"{path} does not start ({failure})", install)
    name = f"OfflineIMAP {version}".rstrip()
    interpreter = find_interpreter(path) or "a Python that cannot be known"
    facts = [f"{limit['versions']}: {limit['what']}" for limit in limits.rows()[OFFLINEIMAP]["limits"]]
    return machine.good(OFFLINEIMAP, f"{name} ({path}) is run by {interpreter}", *facts)


def start_offlineimap(path: Path) -> tuple[str, str]:
    """Let the OfflineIMAP at *path* print its version; return that, and why it does not start, "" if it does."""
    result = process.run([str(path), "--version"], seconds=_PATIENCE)
    version = re.search(rb"\d+(?:\.\d+)+", result.out)
    if result.is_success:
        return version[0].decode() if version else "", ""
    words = errors.printable(result.err.decode("utf-8", "replace").strip().rpartition("\n")[2])
    return "", words or result.reason or (f"exit code {result.code}" if result.code else result.ended)


def which(name: str) -> Path | None:
    """Return the program that *name* starts: on the PATH, else beside this Python."""
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    return Path(path) if path else None


def find_interpreter(path: Path) -> Path | None:
    """Return the Python that runs the script *path*; None if it is not there, or cannot be known."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    for line in filter(None, map(_NAMED.match, head.splitlines()[:2])):
        words = [line[2].strip('"')] if line[2] else line[1].split()
        python = next((word for word in words if _PYTHON.search(word)), None)
        if python is not None:
            interpreter = shutil.which(python)
            return Path(interpreter) if interpreter else None
    return None
