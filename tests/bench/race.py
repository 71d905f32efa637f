"""
Many processes that find a stale token: how often the provider is asked, and how long all of it takes.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from tests.bench.pairs import compare, table
from tests.signed_in_accounts import age

if TYPE_CHECKING:
    from tests.bench.place import Place

RUNS = 3


def races(here: Place) -> str:
    """Return the table: N on a stale token against N that find a fresh one, and one refresh."""
    here.entra.strict = True
    rows = []
    for number in (1, 8, 64, 200):
        asked: set[int] = set()

        def stale(number: int = number, asked: set[int] = asked) -> float:
            age(here.account, -10)
            here.entra.forget()
            took = _at_once(here, number)
            asked.add(len(here.entra.requests))
            return took

        def fresh(number: int = number) -> float:
            took = _at_once(here, number)
            age(here.account, -10)
            return took + _at_once(here, 1)

        pair = compare(stale, fresh, RUNS)
        assert asked == {1}, asked
        rows.append([str(number), "1", *pair.cells()])
    here.entra.strict = False
    headings = ["processes", "requests", "stale, ms", "fresh and one refresh, ms", "ratio", "middle half"]
    return table(headings, rows)


def _at_once(here: Place, number: int) -> float:
    """Start so many at once and return the seconds until the last has ended; all must get the same token."""
    start = time.perf_counter()
    processes = [
        subprocess.Popen(here.token, env=here.world.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        for _ in range(number)
    ]
    found = {process.communicate()[0] for process in processes}
    took = time.perf_counter() - start
    assert len(found) == 1, "they got different tokens"
    assert b"." in found.pop()
    return took
