"""
What tests are told of the machine: one JSON file, whose path is in ``M365_TESTS_ENVIRONMENTS``.

- ``wheel``: the wheel of this checkout.
- ``products``: virtual environments with it, each with ``version`` (of Python), ``python``, ``venv``,
  ``msal``, ``offlineimap`` and ``main`` (whether it belongs to the Python that runs the whole suite).
- ``pythons``: interpreters to make others with: ``version``, ``python`` and ``wheels``, a directory for
  ``pip install --no-index --find-links`` (null for a Python that the package is not for).
- ``distribution``: ``offlineimap``, the ``python`` that runs it, its ``version`` and ``msal`` (empty if it
  has none); null where there is no such package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.setup import process
from tests.setup.report import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.setup.pythons import Python
    from tests.setup.venvs import Venv

VARIABLE = "M365_TESTS_ENVIRONMENTS"

_ASK = """
import json, sys
try:
    from importlib.metadata import version
    msal = version("msal")
except ImportError:
    msal = ""
print(json.dumps({"version": "%d.%d" % sys.version_info[:2], "msal": msal}))
"""


def product(version: str, venv: Venv, *, main: bool) -> dict[str, Any]:
    """Return the row of a product."""
    return {
        "version": version,
        "python": str(venv.python),
        "venv": str(venv.path),
        "msal": venv.version_of("msal"),
        "offlineimap": venv.version_of("offlineimap"),
        "main": main,
    }


def spare(python: Python, wheels: Path | None) -> dict[str, Any]:
    """Return the row of an interpreter."""
    return {
        "version": python.version,
        "python": str(python.executable),
        "wheels": str(wheels) if wheels else None,
    }


def distribution(
    program: Path = Path("/usr/bin/offlineimap"), python: Path = Path("/usr/bin/python3")
) -> dict[str, Any] | None:
    """Return the row of the distribution's OfflineIMAP, whose first line names /usr/bin/python3."""
    if not program.exists():
        return None
    try:
        told: dict[str, Any] = json.loads(process.run([python, "-I", "-c", _ASK], environ={}, timeout=60))
    except StepError as failure:
        raise StepError(f"{program} is there, but {python} does not run: {failure}") from failure
    return {"offlineimap": str(program), "python": str(python), **told}


def write(file: Path, wheel: Path, products: Sequence[Mapping[str, Any]], pythons: Sequence[Mapping[str, Any]]) -> None:
    """Write all of it to *file*."""
    found = {
        "schema": 1,
        "wheel": str(wheel),
        "products": list(products),
        "pythons": list(pythons),
        "distribution": distribution(),
    }
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    file.chmod(0o644)
