"""
What is said on the way without being an answer or an error: one line each, to whoever listens.

The command prints it to stderr, OfflineIMAP's plugin hands it to its log; other programs hear nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_voices: list[Callable[[str], None]] = []


def listen(voice: Callable[[str], None]) -> None:
    """Let *voice* hear every notice from now on, and nobody else."""
    _voices[:] = [voice]


def overheard(act: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return what *act* returns, and what was said meanwhile; whoever listens hears it as well."""
    said: list[str] = []
    voices = list(_voices)
    _voices.append(said.append)
    try:
        return act(), said
    finally:
        _voices[:] = voices


def say(text: str) -> None:
    """Say one line that holds no secret."""
    for voice in _voices:
        voice(text)
