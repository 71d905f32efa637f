"""
Not built yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Check


def examine(names: Sequence[str]) -> Iterator[Check]:
    """Yield the checks of this machine, on which the accounts *names* are kept."""
    del names
    yield from ()
