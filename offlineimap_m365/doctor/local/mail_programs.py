"""
Which mail programs are installed here, and what is known not to work with them: the table that ``config`` reads out.
"""

from __future__ import annotations

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.recipes import limits

#: The check of the programs; whether somebody uses one of them cannot be told, so none of them is a failure.
NAME = "programs"


def examine() -> Check:
    """Return which programs there are, one that is too old as such, and what each cannot do."""
    found, known = [], []
    rows = {tuple(row.get("version_command", ())): (name, row) for name, row in reversed(limits.rows().items())}
    for name, row in rows.values():
        here = limits.version(name)
        if here is None:
            continue
        needed = limits.needed(row, here)
        found.append(f"{row['title']} {here}" + (f" (too old: {needed} is needed)" if needed else ""))
        known += limits.known(row)
    if not found:
        return Check(NAME, ok=True, meaning="No mail program that a recipe is for is on the PATH")
    meaning = f"On the PATH are {', '.join(sorted(found))}" + "".join(f"; {line}" for line in known)
    return Check(NAME, ok=True, meaning=errors.printable(meaning))
