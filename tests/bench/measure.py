"""
How a command is measured: in turn with another one, A B A B, on whatever machine this is, beside an Entra.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import trustme

from tests.m365.entra import Entra
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, keep
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from offlineimap_m365.accounts.profiles import Account

RESULTS = Path(__file__).parents[1] / "results"
#: The columns that Pair.cells() fills.
HEADINGS = ["ours, ms", "theirs, ms", "ratio", "middle half"]


@dataclasses.dataclass(frozen=True)
class Pair:
    """What *ours* and *theirs* took in seconds, run by run."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """The ratios, pair by pair, since a machine's speed drifts."""
        return [one / other for one, other in zip(self.ours, self.theirs, strict=True)]

    def cells(self) -> list[str]:
        """Return the columns of a table: medians in milliseconds, the median ratio, and between what it lay."""
        low, median, high = statistics.quantiles(self.ratios, n=4)
        times = [f"{statistics.median(found) * 1000:.1f}" for found in (self.ours, self.theirs)]
        return [*times, f"**{median:.2f}**", f"{low:.2f} to {high:.2f}"]


@dataclasses.dataclass(frozen=True)
class Place:
    """The surroundings of one benchmark; *program* is the installed product, *account* is signed in at *entra*."""

    program: str
    world: World
    entra: Entra
    account: Account

    @property
    def token(self) -> list[str]:
        """The command that is measured."""
        return [self.program, "token", ALICE]

    def timed(self, command: Sequence[str], prepare: Callable[[], object] = lambda: None) -> Callable[[], float]:
        """Return what runs *command*, once, and returns its seconds; it must succeed and say something."""

        def run() -> float:
            prepare()
            start = time.perf_counter()
            done = self.world.execute(command)
            took = time.perf_counter() - start
            assert done.code == 0, done.err
            assert done.out
            return took

        return run


def compare(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> Pair:
    """Let both take turns, after one run of each that does not count."""
    found = [(ours(), theirs()) for _ in range(runs + 1)][1:]
    return Pair([one for one, _ in found], [other for _, other in found])


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(headings), ["---"] * len(headings), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


@contextlib.contextmanager
def place(venv: Path) -> Iterator[Place]:
    """Make the surroundings of the product in *venv*, and clear them away."""
    with TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(root / "ca.pem"))
        world = World.make(root / "world", root / "ca.pem")
        world.enter()
        with Entra(root, ca) as entra:
            entra.add_person(ALICE, PASSWORD)
            yield Place(str(venv / "bin" / "offlineimap-m365"), world, entra, keep(entra))


def write(name: str, head: str, measure: Callable[[Place], str], *libraries: str) -> None:
    """Measure, and write the result *name* with the day and the machine, as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", type=Path, default=Path(sys.prefix), help="where the product is installed")
    parser.add_argument("--to", type=Path, default=RESULTS / name, help="the file to write")
    options = parser.parse_args()
    with place(options.venv) as here:
        text = measure(here)
    versions = [f"Python {platform.python_version()}", *(f"{library} {version(library)}" for library in libraries)]
    machine = f"{time.strftime('%Y-%m-%d')}, {_processor()}, {os.cpu_count()} processors, Linux {platform.release()}"
    options.to.write_text(f"{head}\n{machine}; {', '.join(versions)}.\n\n{text}", encoding="utf-8")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
