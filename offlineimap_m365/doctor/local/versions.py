"""
Which versions are installed: of this program and what it depends on, and of the OfflineIMAP that is on the PATH.

OfflineIMAP is never imported: the Python that runs it is asked where it is, and its files are read. How it gets tokens
is told by a feature, since version strings do not say it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import re
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors, installation
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.check import NotTriedError
from offlineimap_m365.doctor.local import interpreters
from offlineimap_m365.knowledge import tables

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject

#: The names of the checks: of this program and what it depends on, and of OfflineIMAP.
NAME, OFFLINEIMAP = "versions", "offlineimap"
#: The oldest MSAL that has all that is used of it (pyproject.toml).
_OLDEST_MSAL = (1, 32, 3)


def examine_ours(machine: Subject) -> Check:
    """Return whether MSAL can be loaded and is new enough."""
    failure = failure_of_msal()
    if failure is not None:
        return machine.bad(NAME, f"MSAL cannot be loaded ({errors.printable(failure)})", _repair())
    msal = _version("msal")
    if tuple(int(part) for part in re.findall(r"\d+", msal)[:3]) < _OLDEST_MSAL:
        oldest = ".".join(map(str, _OLDEST_MSAL))
        return machine.bad(NAME, f"MSAL {msal} is older than {oldest}, the oldest that works here", _repair())
    python = f"Python {platform.python_version()} ({sys.executable})"
    libraries = [f"{name} {_version(name)}" for name in ("requests", "urllib3", "cryptography")]
    meaning = f"{errors.COMMAND} {__version__} under {python} with MSAL {msal}"
    return machine.good(NAME, meaning, *libraries, ssl.OPENSSL_VERSION)


def failure_of_msal() -> str | None:
    """Return why MSAL cannot be loaded, None if it can."""
    try:
        importlib.import_module("offlineimap_m365.provider.msal_client")
    except Exception as error:  # noqa: BLE001 - whatever a broken installation raises when it is loaded
        return f"{type(error).__name__}: {error}"
    return None


def _version(name: str) -> str:
    try:
        return errors.printable(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return "of an unknown version"


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
    facts = [
        "It asks the installed command for what is not fresh, since its Python is another one"
        if build.is_foreign
        else "It shares this program's Python"
    ]
    if build.asks_always is None:
        return facts
    facts.append(
        "It wants a token for each connection" if build.asks_always else "It wants a token once, which renews itself"
    )
    kind = "always" if build.asks_always else "once"
    limits = tables.load("programs")["programs"][OFFLINEIMAP]["limits"]
    return facts + [str(limit["what"]) for limit in limits if limit.get("build") == kind]


def _reinstall(path: Path) -> Remedy:
    """Return how to get an OfflineIMAP whose Python is there."""
    venv = path.resolve().parent.parent
    advice = "Its Python was upgraded or removed"
    if "/pipx/" in str(venv):
        return Remedy(advice, "pipx reinstall-all")
    if (venv / "pyvenv.cfg").is_file():
        where = errors.quoted(str(venv))
        return Remedy(advice, f"python3 -m venv --clear {where} && {where}/bin/pip install 'offlineimap>=8.0.2'")
    return Remedy(advice, "pipx install --force 'offlineimap>=8.0.2'")
