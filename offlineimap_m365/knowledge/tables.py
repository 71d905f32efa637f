"""
The tables of facts that ship with this package: Microsoft's codes, clouds, client ids, mail programs.

Each row names its source. Tests use every row, so code that reads a table need not check it.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("data")
#: Domains in which Microsoft gives addresses to anybody, in every country; ``live.unc.edu`` is a university's.
_CONSUMERS = re.compile(r"(?:outlook|hotmail|live|msn|windowslive|passport)\.(?:com|(?:com?\.)?[a-z]{2})")

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


def is_consumer(name: str) -> bool:
    """Is *name* an address that Microsoft gives to anybody (outlook.com, hotmail.de), so a personal account's?"""
    return _CONSUMERS.fullmatch(name.rpartition("@")[2].lower()) is not None
