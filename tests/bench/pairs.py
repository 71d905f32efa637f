"""
Two commands in turn, A B A B: what one costs in units of the other, on whatever machine this is.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.world import World


@dataclasses.dataclass(frozen=True)
class Pair:
    """What *ours* and *theirs* took in seconds, run by run."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the ratios, pair by pair, since a machine's speed drifts."""
        return statistics.median(self._ratios())

    def cells(self) -> list[str]:
        """Return the columns of a table: medians in milliseconds, the ratio, and between what it lay."""
        low, _, high = statistics.quantiles(self._ratios(), n=4)
        times = [f"{statistics.median(found) * 1000:.1f}" for found in (self.ours, self.theirs)]
        return [*times, f"**{self.ratio:.2f}**", f"{low:.2f} to {high:.2f}"]

    def _ratios(self) -> list[float]:
        return [one / other for one, other in zip(self.ours, self.theirs, strict=True)]


#: The columns that Pair.cells() fills.
HEADINGS = ["ours, ms", "theirs, ms", "ratio", "middle half"]


def compare(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> Pair:
    """Let both take turns, after one run of each that does not count."""
    found = [(ours(), theirs()) for _ in range(runs + 1)][1:]
    return Pair([one for one, _ in found], [other for _, other in found])


def timed(world: World, command: Sequence[str], prepare: Callable[[], object] = lambda: None) -> Callable[[], float]:
    """Return what runs *command* in *world*, once, and returns its seconds; it must succeed and say something."""

    def run() -> float:
        prepare()
        start = time.perf_counter()
        done = world.execute(command)
        took = time.perf_counter() - start
        assert done.code == 0, done.err
        assert done.out
        return took

    return run


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(headings), ["---"] * len(headings), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
