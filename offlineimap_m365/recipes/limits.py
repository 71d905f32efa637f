"""
What a program cannot do, out of the table ``programs``: for whoever is about to configure it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.recipes.program import Program

#: Seconds for a program to say its version: it is only asked for a line on the screen.
_PATIENCE = 5


def of(program: Program) -> list[str]:
    """
    Return what there is to know of *program*, a line each: it is too old here, was never run, and its limits here.
    """
    row, here = rows()[program.name], version(program)
    needs = needed(row, here) if here else ""
    found = [f"The {row['title']} of this machine is {here}, and this needs {needs} or newer"] if needs else []
    if not row["tested"]:
        found.append(f"This was never run: it is what the documentation of {row['title']} says")
    return [*map(errors.printable, found), *known(row)]


def rows() -> dict[str, dict[str, Any]]:
    """Return what is known of each program, by its name."""
    found: dict[str, dict[str, Any]] = tables.load("programs")["programs"]
    return found


def known(row: Mapping[str, Any]) -> list[str]:
    """Return what a program cannot do on this system, a line each; no limit of one build of OfflineIMAP is among it."""
    found = [one for one in row["limits"] if one.get("system", sys.platform) == sys.platform and "build" not in one]
    return [errors.printable(f"{row['title']} {limit['versions']}: {limit['what']}") for limit in found]


def needed(row: Mapping[str, Any], here: str) -> str:
    """Return which version of a program its recipe needs if *here* is older, else an empty text."""
    needs = str(row.get("needs", ""))
    return needs if needs and _number(here) < _number(needs) else ""


def is_too_long(program: Program, user: str, token: str) -> bool:
    """Is the *token* more than *program* can send, together with the name of the *user* who signs in with it?"""
    return _exceeds(rows()[program.name], user, token)


def too_short_for(user: str, token: str) -> list[str]:
    """Return the programs that cannot send the *token* of this *user*, with what they can: ``msmtp (3,049)``."""
    return [f"{row['title']} ({row['longest_token']:,})" for row in rows().values() if _exceeds(row, user, token)]


def _exceeds(row: Mapping[str, Any], user: str, token: str) -> bool:
    longest = row.get("longest_token")
    return longest is not None and len(user) + len(token) > longest


def version(program: Program) -> str | None:
    """Return the version of *program* that is installed here; None if it is not there, or does not say."""
    path = shutil.which(program.version[0]) if program.version else None
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *program.version[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(rb"\b\d+(\.\d+)+", done.stdout)
    return found[0].decode() if found else None


def is_older(program: Program, than: str) -> bool:
    """Is *program* here, and its version older than another?"""
    here = version(program)
    return here is not None and _number(here) < _number(than)


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
