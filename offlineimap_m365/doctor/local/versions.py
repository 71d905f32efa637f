"""
Which programs there are, in which versions, and which Python runs which.

OfflineIMAP is never imported: the Python that runs it is asked, as a child without anything of this environment, where
it is, and its files are read. How it deals with tokens is told by a feature, since version strings do not say it.
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

from offlineimap_m365.base import environment, errors
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.local import interpreters
from offlineimap_m365.knowledge import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The names of the checks: of this program and what it lives on, and of OfflineIMAP.
NAME, OFFLINEIMAP = "versions", "offlineimap"
#: The oldest MSAL that has all that is used of it (pyproject.toml).
_OLDEST_MSAL = (1, 32, 3)
#: The first OfflineIMAP for Python 3.
_PYTHON_3 = 8


def examine() -> Iterator[Check]:
    """Yield the checks of this machine's programs."""
    yield _ours()
    yield _offlineimap()


def can_speak() -> bool:
    """Can MSAL be loaded, without which nobody is asked for anything?"""
    return _failure_of_msal() is None


def _ours() -> Check:
    failure = _failure_of_msal()
    if failure is not None:
        return Check(NAME, ok=False, meaning=f"MSAL cannot be loaded ({errors.printable(failure)})", remedy=_repair())
    msal = _version("msal")
    found = tuple(int(part) for part in re.findall(r"\d+", msal)[:3])
    if found < _OLDEST_MSAL:
        oldest = ".".join(map(str, _OLDEST_MSAL))
        return Check(
            NAME,
            ok=False,
            meaning=f"MSAL {msal} is older than {oldest}, the oldest that works with this program",
            remedy=_repair(),
        )
    others = ", ".join(f"{name} {_version(name)}" for name in ("requests", "urllib3"))
    meaning = (
        f"{errors.COMMAND} {__version__} under Python {platform.python_version()} ({sys.executable}) with MSAL {msal},"
        f" {others}, {ssl.OPENSSL_VERSION}"
    )
    return Check(NAME, ok=True, meaning=meaning)


def _failure_of_msal() -> str | None:
    """Return why MSAL cannot be loaded through the one door to it, None if it can."""
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


def _repair() -> str:
    """Return how to get an MSAL that works: what $PYTHONPATH puts before it away, or a new one."""
    shadow = [path for path in environment.python_path() if any(Path(path).glob("msal*"))]
    if shadow:
        return f"PYTHONPATH puts {errors.printable(shadow[0])} before what is installed. Run: unset PYTHONPATH"
    if "/pipx/" in sys.prefix:
        return f"Run: pipx reinstall {errors.COMMAND}"
    oldest = ".".join(map(str, _OLDEST_MSAL))
    return f"Run: {errors.quoted(sys.executable)} -m pip install --upgrade {errors.quoted(f'msal>={oldest}')}"


def _offlineimap() -> Check:
    path = interpreters.which("offlineimap")
    if path is None:
        return Check(OFFLINEIMAP, ok=True, meaning="There is no command offlineimap; other mail programs need none")
    try:
        found = interpreters.look(path)
    except interpreters.Unknown as error:
        return Check(OFFLINEIMAP, ok=None, meaning=f"{path}: {error}")
    except interpreters.Lost as error:
        return Check(
            OFFLINEIMAP,
            ok=False,
            meaning=f"{path} cannot run: {error}",
            remedy=_reinstall(path),
        )
    if found.is_python_2 or (found.major is not None and found.major < _PYTHON_3):
        return Check(
            OFFLINEIMAP,
            ok=False,
            meaning=f"{path} is an OfflineIMAP for Python 2, which cannot load this program's functions",
            remedy="Install the one for Python 3. Run: pipx install 'offlineimap>=8.0.2'",
        )
    return Check(OFFLINEIMAP, ok=True, meaning=_describe(path, found))


def _describe(path: Path, found: interpreters.Found) -> str:
    """Say which OfflineIMAP this is, who runs it, and how it comes by tokens."""
    asks = "asks the installed command for what is not fresh" if found.is_foreign else "shares this program's Python"
    which = f"OfflineIMAP {found.version or 'of an unknown version'} ({path})"
    runs = f"{which} runs under Python {found.python} ({found.interpreter}) and {asks}"
    wants = {True: "it wants a token for each connection", False: "it wants a token once, which renews itself"}
    wanted = [] if found.asks_always is None else [wants[found.asks_always]]
    return "; ".join([runs, *wanted, *_limits(found)])


def _limits(found: interpreters.Found) -> list[str]:
    """Return what is known not to work with this build, from the table of programs."""
    row = tables.load("programs")["programs"].get(OFFLINEIMAP, {})
    build = {True: "always", False: "once"}.get(found.asks_always)  # type: ignore[arg-type]  # None: in neither
    limits = [str(limit["what"]) for limit in row.get("limits", []) if build and limit.get("build") == build]
    return [what[:1].lower() + what[1:] for what in limits]


def _reinstall(path: Path) -> str:
    """Return how to get an OfflineIMAP whose Python is there."""
    venv = path.resolve().parent.parent
    if "/pipx/" in str(venv):
        return "Its Python was upgraded or removed. Run: pipx reinstall-all"
    if (venv / "pyvenv.cfg").is_file():
        where = errors.quoted(str(venv))
        return (
            "Its Python was upgraded or removed."
            f" Run: python3 -m venv --clear {where} && {where}/bin/pip install 'offlineimap>=8.0.2'"
        )
    return "Its Python was upgraded or removed. Run: pipx install --force 'offlineimap>=8.0.2'"
