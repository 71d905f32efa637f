"""
Which versions are installed: of this program and its libraries, of OfflineIMAP, and of the other mail programs.

OfflineIMAP is never imported: the Python that runs it is asked where it is, and its files are read. How it gets tokens
is told by a feature, since version strings do not say it.
"""

from __future__ import annotations

import importlib
import platform
import ssl
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors, installation
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.check import NotTriedError
from offlineimap_m365.doctor.local import interpreters
from offlineimap_m365.knowledge import tables
from offlineimap_m365.recipes import limits

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject

#: The names of the checks.
NAME, OFFLINEIMAP, PROGRAMS = "versions", "offlineimap", "programs"
#: The libraries whose versions are shown.
LIBRARIES = ("msal", "requests", "urllib3", "cryptography")


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
    first = next((path for path in environment.python_path() if any(Path(path).glob("msal*"))), None)
    if first is not None:
        return Remedy(f"PYTHONPATH puts {first} before what is installed", "unset PYTHONPATH")
    return installation.repair()


def examine_offlineimap(machine: Subject) -> Check:
    """Return which OfflineIMAP there is, and whether it can run."""
    path = interpreters.which("offlineimap")
    if path is None:
        return machine.good(OFFLINEIMAP, "There is no command offlineimap; other mail programs need none")
    try:
        build = interpreters.look(path)
    except interpreters.UnknownError as error:
        raise NotTriedError(f"{path}: {error}") from error
    except interpreters.LostError as error:
        return machine.bad(OFFLINEIMAP, f"{path} cannot run: {error}", _reinstall(path))
    name = f"OfflineIMAP {build.version or 'of an unknown version'} ({path})"
    return machine.good(OFFLINEIMAP, f"{name} runs under Python {build.python} ({build.interpreter})", *_facts(build))


def _facts(build: interpreters.Build) -> list[str]:
    """Return how an OfflineIMAP gets tokens, and its known limits."""
    other = "It asks the installed command for what is not fresh, since its Python is another one"
    facts = [other if build.is_foreign else "It shares this program's Python"]
    if build.asks_always is None:
        return facts
    often = "It wants a token for each connection"
    facts.append(often if build.asks_always else "It wants a token once, which renews itself")
    kind = "always" if build.asks_always else "once"
    rows = tables.load("programs")["programs"][OFFLINEIMAP]["limits"]
    return facts + [str(limit["what"]) for limit in rows if limit.get("build") == kind]


def _reinstall(path: Path) -> Remedy:
    """Return how to get an OfflineIMAP whose Python is there."""
    venv = path.resolve().parent.parent
    command = "pipx install --force 'offlineimap>=8.0.2'"
    if "/pipx/" in str(venv):
        command = "pipx reinstall-all"
    elif (venv / "pyvenv.cfg").is_file():
        where = errors.quoted(str(venv))
        command = f"python3 -m venv --clear {where} && {where}/bin/pip install 'offlineimap>=8.0.2'"
    return Remedy("Its Python was upgraded or removed", command)


def examine_programs(machine: Subject) -> Check:
    """Return which mail programs there are, which are too old, and what each cannot do; never a failure."""
    installed, notes = [], []
    rows = {tuple(row.get("version_command", ())): (name, row) for name, row in reversed(limits.rows().items())}
    for name, row in rows.values():
        version = limits.version(name)
        if version is None:
            continue
        needed = limits.needed(row, version)
        installed.append(f"{row['title']} {version}" + (f" (too old: {needed} is needed)" if needed else ""))
        notes += limits.known(row)
    if not installed:
        return machine.good(PROGRAMS, "No mail program that a recipe is for is on the PATH")
    meaning = errors.printable(f"On the PATH are {', '.join(sorted(installed))}")
    return machine.good(PROGRAMS, meaning, *map(errors.printable, notes))
