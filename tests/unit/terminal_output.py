"""
A standard output that is a terminal of a given width, in memory.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


class Screen(io.TextIOWrapper):
    """A stream that is a terminal; *text* is what it shows."""

    def __init__(self, encoding: str = "utf-8") -> None:
        """Start empty."""
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", write_through=True)

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True

    @property
    def text(self) -> str:
        """What was written so far."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)


def look(monkeypatch: pytest.MonkeyPatch, columns: int, encoding: str = "utf-8", *, plain: bool = True) -> Screen:
    """Make stdout a terminal, *columns* wide; *plain*: without colours."""
    screen = Screen(encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm")
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    return screen
