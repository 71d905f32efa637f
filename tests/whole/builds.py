"""
The builds of OfflineIMAP that are there, and how each is run with this package.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

#: What tests/run tells of the machine; noxfile.py writes it. Read at import: a test's environment does not have it.
_INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS")
#: PyPI's releases, and whatever the distribution has.
NAMES = ("8.0.2", "8.0.3", "distribution")
#: For tests of what the builds do differently. All others run with the distribution's.
every = pytest.mark.parametrize("build", NAMES, indirect=True)
#: For tests of what differs by the Python that runs OfflineIMAP: the package's own, and another.
each_python = pytest.mark.parametrize("build", NAMES[1:], indirect=True)


@dataclasses.dataclass(frozen=True)
class Build:
    """One OfflineIMAP: *offlineimap* starts it, *command* is this package's, in the same or another Python."""

    name: str
    offlineimap: tuple[str, ...]
    command: tuple[str, ...]
    venv: Path

    @property
    def asks_always(self) -> bool:
        """Does it evaluate oauth2_access_token_eval for each connection (8.0.3 on), not once per process?"""
        return self.name == "8.0.3"

    @property
    def is_foreign(self) -> bool:
        """Does it run under another interpreter than this package?"""
        return self.name == "distribution"


def inventory() -> dict[str, Any]:
    """Return what there is to test with."""
    assert _INVENTORY, "these tests need what tests/run installs; run: tests/run -- tests/whole"
    found: dict[str, Any] = json.loads(Path(_INVENTORY).read_text(encoding="utf-8"))
    return found


def find(name: str) -> Build:
    """Return the build called *name* with this package for the Python that runs the tests."""
    found = inventory()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    products = [row for row in found["products"] if row["version"] == version]
    row = next(row for row in products if name in {row["offlineimap"], "distribution"})
    venv = Path(row["venv"])
    offlineimap = found["distribution"]["offlineimap"] if name == "distribution" else f"{venv}/bin/offlineimap"
    return Build(name, (offlineimap,), (f"{venv}/bin/offlineimap-m365",), venv)
