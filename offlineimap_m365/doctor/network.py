"""
Not built yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.doctor.check import Check, Subject


def examine(subject: Subject) -> Iterator[Check]:
    """Yield the checks of this room."""
    del subject
    yield from ()
