"""
A standard output that is a terminal of a given width, in memory.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.in_process import Stream

if TYPE_CHECKING:
    import pytest


def look(monkeypatch: pytest.MonkeyPatch, columns: int, encoding: str = "utf-8", *, plain: bool = True) -> Stream:
    """Make stdout a terminal, *columns* wide; *plain*: without colours."""
    screen = Stream(is_terminal=True, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm")
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    return screen
