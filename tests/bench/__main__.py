"""
Measure, and write tests/results/bench.md: ``python -m tests.bench [--venv DIRECTORY] [--to FILE]``.

Needs what the tests import (tests/setup/requirements.txt), Debian's dovecot, and an environment with OfflineIMAP and
this package installed (``pip install '.[offlineimap]'``; this interpreter's own unless ``--venv`` names another). Run
it as an ordinary user on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import filtering, mail, race, reading, refresh
from tests.bench.place import machine, place

RESULTS = Path(__file__).parents[1] / "results" / "bench.md"


def main() -> int:
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure what the promises cost.")
    parser.add_argument("--venv", type=Path, default=Path(sys.prefix), help="where the product is installed")
    parser.add_argument("--to", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="mutt-") as folder:
        mutt = reading.fetch_mutt(Path(folder))
        with place(options.venv) as here:
            parts = [
                ("A token that is fresh", reading.warm(here, mutt)),
                ("In a process", reading.in_process(here)),
                ("Many accounts", reading.many_accounts(here)),
                ("A refresh", refresh.cold(here)),
                ("Many processes on a stale token, with a provider that takes a refresh token once", race.races(here)),
                ("A sync that finds nothing new", mail.syncs(here)),
                ("The folder filter", filtering.filtering()),
            ]
    text = _head() + "".join(f"\n## {title}\n\n{table}" for title, table in parts)
    options.to.write_text(text, encoding="utf-8")
    return 0


def _head() -> str:
    names = ("msal", "offlineimap")
    return (
        "# What it costs\n\n"
        "Made by `python -m tests.bench` with the package installed in a virtual environment. Each ratio is the median "
        "of pairs that took turns in one run; the times are medians too, and of this machine.\n\n"
        f"{machine()}, " + ", ".join(f"{name} {version(name)}" for name in names) + ".\n"
    )


if __name__ == "__main__":
    sys.exit(main())
