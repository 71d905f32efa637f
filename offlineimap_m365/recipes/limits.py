"""
What a program cannot do, out of the table ``programs``: for whoever is about to configure it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offlineimap_m365 import data, errors, home


def of(program: str) -> list[str]:
    """Return what is known of *program*, a line each: that it was never run, and its limits with their versions."""
    row = _row(program)
    found = [f"{row['title']} {limit['versions']}: {limit['what']}" for limit in row["limits"]]
    if not row["tested"]:
        found.insert(0, f"This was never run: it is what the documentation of {row['title']} says")
    return [errors.printable(line) for line in found]


def longest_token(program: str) -> int | None:
    """Return how many characters the longest token has that *program* can send, None where no limit is known."""
    found: int | None = _row(program).get("longest_token")
    return found


def _row(program: str) -> dict[str, Any]:
    row: dict[str, Any] = data.load("programs", Path(home.directory()))["programs"][program]
    return row
