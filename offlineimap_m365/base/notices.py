"""
Notices: lines that are neither an answer nor an error, for the function that listens.

The command prints them to stderr, OfflineIMAP's plugin logs them; in another program they go nowhere.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Pass every notice to *listener* from now on, and to nothing else."""
    _listeners[:] = [listener]


def collect(act: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return what *act* returns, and the notices during it; the listener gets them as well."""
    lines: list[str] = []
    listeners = list(_listeners)
    _listeners.append(lines.append)
    try:
        return act(), lines
    finally:
        _listeners[:] = listeners


def say(text: str) -> None:
    """Pass on one line that holds no secret."""
    for listener in _listeners:
        listener(text)
