"""
The tables of facts that ship with this package: Microsoft's codes, clouds, client ids, mail programs.

Each row names its source. Tests check the shape of every row, so code that reads a table need not.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("data")

#: What an answer of Microsoft can ask for, and the exit code of each (contract §3).
EXIT_CODES = {
    **dict.fromkeys(("LOGIN", "CLAIMS", "PASSWORD", "ACCOUNT", "ADMIN", "DEVICE"), 77),
    "CONFIG": 78,
    "WAIT": 75,
}


@functools.cache
def load(name: str) -> dict[str, Any]:
    """Return the table *name*: ``aadsts``, ``clouds``, ``clients`` or ``programs``. Callers must not change it."""
    table: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return table
