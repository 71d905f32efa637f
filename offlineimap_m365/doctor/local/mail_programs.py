"""
Which mail programs are installed here, and what is known not to work with them: the table that ``config`` reads out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.recipes import limits

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject

NAME = "programs"


def examine(machine: Subject) -> Check:
    """Return which programs there are, which are too old, and what each cannot do; never a failure."""
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
        return machine.good(NAME, "No mail program that a recipe is for is on the PATH")
    meaning = errors.printable(f"On the PATH are {', '.join(sorted(installed))}")
    return machine.good(NAME, meaning, *map(errors.printable, notes))
