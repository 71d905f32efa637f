"""
Measure what a fresh token costs, and write tests/results/bench.md: ``python -m tests.bench [--venv DIRECTORY]``.

*DIRECTORY* is a virtual environment with the package (default: this interpreter's own). Run it on an idle machine.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from offlineimap_m365.tokens import engine
from tests.bench.measure import HEADINGS, Place, compare, table, write
from tests.signed_in_accounts import ALICE, age, cache_of

_HEAD = """# What it costs

Made by `python -m tests.bench` with the package installed in a virtual environment. Each ratio is the median of pairs \
that took turns in one run; the times are medians too, and of this machine.
"""


def measure(here: Place) -> str:
    """Return all tables."""
    age(here.account, 3000)
    parts = [
        ("A token that is fresh", fresh(here)),
        ("In a process", in_process()),
        ("Many accounts", many_accounts(here)),
    ]
    return "\n".join(f"## {title}\n\n{table}" for title, table in parts)


def fresh(here: Place) -> str:
    """Return the table of a `token` that is fresh, against a bare interpreter."""
    key = next(iter(cache_of(here.account)["AccessToken"]))
    cache = str(Path(here.account.folder) / "cache.json")
    reader = f"import json; print(json.load(open({cache!r}))['AccessToken'][{key!r}]['secret'])"
    python = str(Path(here.program).with_name("python"))
    pair = compare(here.timed(here.token), here.timed([python, "-c", reader]), 60)
    return table(
        ["`token`, fresh, against", *HEADINGS], [["a bare interpreter that reads the JSON file", *pair.cells()]]
    )


def many_accounts(here: Place) -> str:
    """Return the table of a fresh `token` with many accounts, against one with one."""
    top = Path(here.account.folder).parent
    hidden = top.with_name("others")
    rows = []
    for number in (1, 10, 1000):
        for other in range(len(os.listdir(top)), number):  # noqa: PTH208 - names are all that is counted
            shutil.copytree(here.account.folder, top / f"user{other}@example.org")
        pair = compare(
            here.timed(here.token, lambda: _show(hidden, top)),
            here.timed(here.token, lambda: _hide(top, hidden)),
            20,
        )
        _show(hidden, top)
        rows.append([str(number), *pair.cells()])
    return table(["accounts, against one", *HEADINGS], rows)


def _hide(top: Path, hidden: Path) -> None:
    """Move all accounts but one away."""
    top.rename(hidden)
    top.mkdir(mode=0o700)
    (hidden / ALICE).rename(top / ALICE)


def _show(hidden: Path, top: Path) -> None:
    """Move them back."""
    if hidden.exists():
        (top / ALICE).rename(hidden / ALICE)
        top.rmdir()
        hidden.rename(top)


def in_process() -> str:
    """Return what a call costs in a process that has asked before."""
    engine.access_token(ALICE)
    calls = 20_000
    start = time.perf_counter()
    for _ in range(calls):
        engine.access_token(ALICE)
    micro = (time.perf_counter() - start) / calls * 1e6
    return table(["a warm call in a process", ""], [["microseconds", f"{micro:.1f}"]])


if __name__ == "__main__":
    write("bench.md", _HEAD, measure, "msal")
