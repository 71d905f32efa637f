"""
The folder filter on 10,000 folders, against a function that does nothing; in this process, in processor time.

OfflineIMAP asks for every folder, and several times a run (repository/Base.py, sync_folder_structure).
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from offlineimap_m365.folders import folder_filter, patterns
from offlineimap_m365.folders.utf7 import encode
from tests.bench.pairs import compare, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RUNS = 20
FOLDERS = 10_000


def listing(number: int = FOLDERS) -> list[str]:
    """Return *number* different names as Exchange lists them: children of what the table knows, and somebody's own."""
    known = [row["name"] for row in folder_filter.load_table()["names"]]
    return [
        encode(f"{known[place % len(known)]}/{place}" if place % 2 else f"Kunde {place}") for place in range(number)
    ]


def filtering() -> str:
    """Return the table: the first time in a process, with the table read and the filter made, and each later time."""
    names = listing()
    empty = partial(_ask, _nothing, names)
    rows = []
    for title, find in (("`folderfilter`", _plain), ("with what was learnt", _learnt)):
        first = compare(partial(_first, find, names), empty, RUNS)
        later = compare(partial(_ask, find(), names), empty, RUNS)
        rows += [[f"{title}, first", *first.cells()], [f"{title}, later", *later.cells()]]
    headings = [f"{FOLDERS:,} folders", "the filter, ms", "an empty function, ms", "ratio", "middle half"]
    return table(headings, rows)


def _plain() -> Callable[[str], bool]:
    return folder_filter.folderfilter


def _learnt() -> Callable[[str], bool]:
    return folder_filter.build_filter(learnt={"not_mail": ["Kalender", "Kontakte", "Aufgaben"], "languages": ["de"]})


def _nothing(_name: str) -> bool:
    return True


def forget() -> None:
    """Forget what a process remembers, so that the next question is its first."""
    for memory in (patterns._keys, folder_filter._plain_filters, folder_filter._tables):  # noqa: SLF001 - nobody else wants that
        memory.clear()


def _first(find: Callable[[], Callable[[str], bool]], names: Sequence[str]) -> float:
    forget()
    start = time.process_time()
    _ask(find(), names)
    return time.process_time() - start


def _ask(wanted: Callable[[str], bool], names: Sequence[str]) -> float:
    start = time.process_time()
    for name in names:
        wanted(name)
    return time.process_time() - start
