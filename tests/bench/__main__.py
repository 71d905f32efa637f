"""
Measure what a fresh token costs, and write tests/results/bench.md: ``python -m tests.bench [--venv DIRECTORY]``.

Needs what the tests import and an environment with this package installed (this interpreter's own unless ``--venv``
names another). Run it as an ordinary user on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.tokens import engine
from tests.bench.pairs import HEADINGS, compare, table, timed
from tests.bench.place import machine, place
from tests.signed_in_accounts import ALICE, age, cache_of

if TYPE_CHECKING:
    from tests.bench.place import Place

RESULTS = Path(__file__).parents[1] / "results" / "bench.md"


def main() -> int:
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure what the promises cost.")
    parser.add_argument("--venv", type=Path, default=Path(sys.prefix), help="where the product is installed")
    parser.add_argument("--to", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    with place(options.venv) as here:
        age(here.account, 3000)
        parts = [
            ("A token that is fresh", fresh(here)),
            ("In a process", in_process()),
            ("Many accounts", many_accounts(here)),
        ]
    text = _head() + "".join(f"\n## {title}\n\n{table}" for title, table in parts)
    options.to.write_text(text, encoding="utf-8")
    return 0


def _head() -> str:
    return (
        "# What it costs\n\n"
        "Made by `python -m tests.bench` with the package installed in a virtual environment. Each ratio is the median "
        "of pairs that took turns in one run; the times are medians too, and of this machine.\n\n"
        f"{machine()}, msal {version('msal')}.\n"
    )


def fresh(here: Place) -> str:
    """Return the table of a `token` that is fresh, against a bare interpreter."""
    key = next(iter(cache_of(here.account)["AccessToken"]))
    reader = f"import json; print(json.load(open({str(here.cache)!r}))['AccessToken'][{key!r}]['secret'])"
    pair = compare(timed(here.world, here.token), timed(here.world, [here.python, "-c", reader]), 60)
    rows = [["a bare interpreter that reads the JSON file", *pair.cells()]]
    return table(["`token`, fresh, against", *HEADINGS], rows)


def many_accounts(here: Place) -> str:
    """Return the table of a fresh `token` with many accounts, against one with one."""
    top = Path(here.account.folder).parent
    hidden = top.with_name("others")
    rows = []
    for number in (1, 10, 1000):
        for other in range(len(os.listdir(top)), number):  # noqa: PTH208 - names are all that is counted
            shutil.copytree(here.account.folder, top / f"user{other}@example.org")
        pair = compare(
            timed(here.world, here.token, lambda: _show(hidden, top)),
            timed(here.world, here.token, lambda: _hide(top, hidden)),
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
    looks = 0
    plain = os.stat

    def stat(*arguments: Any, **options: Any) -> os.stat_result:
        nonlocal looks
        looks += 1
        return plain(*arguments, **options)

    os.stat = stat
    engine.access_token(ALICE)
    os.stat = plain
    return table(["a warm call in a process", ""], [["microseconds", f"{micro:.1f}"], ["`os.stat` calls", str(looks)]])


if __name__ == "__main__":
    sys.exit(main())
