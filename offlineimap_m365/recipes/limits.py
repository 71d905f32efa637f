"""
The limits of mail programs, from the table ``programs``, and the versions that are installed.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from offlineimap_m365.base import process
from offlineimap_m365.knowledge import tables

#: Seconds for a program to print its version, which is only shown.
_PATIENCE = 5


def of(program: str) -> list[str]:
    """Return what a user of *program* should know, a line each: it is too old, it was never tested, its limits."""
    row, installed = rows()[program], version(program)
    needs = needed(row, installed) if installed else ""
    lines = [f"{row['title']} {installed} is installed, and this needs {needs} or newer"] if needs else []
    if not row["tested"]:
        lines.append(f"This was never tested; it follows the documentation of {row['title']}")
    return [*lines, *known(row)]


def rows() -> dict[str, dict[str, Any]]:
    """Return the row of each program, by its name."""
    table: dict[str, dict[str, Any]] = tables.load("programs")["programs"]
    return table


def known(row: Mapping[str, Any]) -> list[str]:
    """Return the limits of a program on this system, a line each, without those of one build of OfflineIMAP."""
    return [
        f"{row['title']} {limit['versions']}: {limit['what']}"
        for limit in row["limits"]
        if limit.get("system", sys.platform) == sys.platform and "build" not in limit
    ]


def needed(row: Mapping[str, Any], installed: str) -> str:
    """Return the version that the recipe of a program needs if the *installed* one is older, else an empty text."""
    needs = str(row.get("needs", ""))
    return needs if needs and is_older(installed, needs) else ""


def too_short_for(user: str, token: str) -> dict[str, str]:
    """Return the programs that cannot send the *token* of this *user*, with title and limit: ``msmtp (3,049)``."""
    length = len(user) + len(token)
    return {
        name: f"{row['title']} ({row['longest_token']:,})"
        for name, row in rows().items()
        if length > row.get("longest_token", length)
    }


def version(program: str) -> str | None:
    """Return the installed version of *program*; None if it is not installed or does not print one."""
    command = rows().get(program, {}).get("version_command", [])
    path = shutil.which(command[0]) if command else None
    if path is None:
        return None
    match = re.search(rb"\b\d+(\.\d+)+", process.run([path, *command[1:]], seconds=_PATIENCE).out)
    return match[0].decode() if match else None


def is_older(installed: str, than: str) -> bool:
    """Is the version *installed* older than *than*?"""
    numbers, limit = ([int(part) for part in text.split(".")] for text in (installed, than))
    return numbers < limit
