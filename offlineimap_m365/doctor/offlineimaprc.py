"""
Not built yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from offlineimap_m365.doctor.check import Check, Subject


def examine(path: Path, subjects: Sequence[Subject], *, run: bool) -> Iterator[Check]:
    """Yield what was found in the file *path*, for the accounts that were examined before."""
    del path, subjects, run
    yield from ()
