"""
The tables that a user put over the shipped ones (codes, clouds, clients, folders), and whether they can be used.
"""

from __future__ import annotations

from pathlib import Path

from offlineimap_m365.base import errors
from offlineimap_m365.base import paths as paths_
from offlineimap_m365.doctor.check import Check, of_error
from offlineimap_m365.folders import folder_filter
from offlineimap_m365.knowledge import tables as tables_

#: The table that is loaded by ``folders``, not like the rest.
_FOLDERS = "folders"


def _good(meaning: str) -> Check:
    return Check("data", ok=True, meaning=meaning)


def _bad(meaning: str, remedy: str) -> Check:
    return Check("data", ok=False, meaning=meaning, remedy=remedy)


def examine() -> Check:
    """Return which shipped tables a user's files change, or which of those cannot be used."""
    folder = Path(paths_.directory()) / "data"
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return _good("No shipped table (codes, clouds, clients, folders) is overridden")
    except OSError as error:
        return _bad(f"{folder} cannot be read ({error.strerror})", f"Run: chmod u+rwx {errors.quoted(str(folder))}")
    tables = [path for path in paths if path.suffix == ".json"]
    for path in (folder, *tables):
        unsafe = tables_.open_to_others(path)
        if unsafe:
            return of_error("data", unsafe)
    for path in tables:
        wrong = _faulty(path)
        if wrong:
            return wrong
    listed = ", ".join(map(str, tables))
    return _good(f"Over the shipped tables goes what you wrote: {listed}" if tables else f"{folder} is empty")


def _faulty(path: Path) -> Check | None:
    """Return what is wrong with the table in *path*, None if it is used."""
    remove = f"Run: rm {errors.quoted(str(path))}"
    try:
        if path.stem == _FOLDERS:
            folder_filter.load_table(str(path))
        elif path.stem in tables_.TABLES:
            tables_.load(path.stem, Path(paths_.directory()))
        else:
            known = ", ".join(sorted({*tables_.TABLES, _FOLDERS}))
            return _bad(f"{path} is not used: tables are called {known}", f"Rename it, or remove it. {remove}")
    except errors.Misconfigured as error:
        return of_error("data", error)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        meaning = f"The data file {path} cannot be used: {why}"
        return _bad(meaning, f"Correct it, or remove it so that the shipped table counts. {remove}")
    return None
