"""
The browser in which a person signs in: whether there is one that they see, and opening a page in it.

A browser for the terminal never counts: it would take the terminal over, and no sign-in page works in it.
"""

from __future__ import annotations

import contextlib
import threading
import webbrowser
from pathlib import Path

from offlineimap_m365.base import environment


def is_there() -> bool:
    """Can a page be opened where the person sees it?"""
    return _find() is not None


def show(address: str) -> None:
    """Open *address*; in a thread of its own, since some browsers come back only when they are closed."""
    program = _find()
    if program is not None:
        threading.Thread(target=_open, args=(program, address), daemon=True).start()


def _find() -> webbrowser.BaseBrowser | None:
    """Return the first browser; ``webbrowser.open`` would go on to those for the terminal if it fails."""
    if not (environment.browser() or environment.graphical()):
        return None
    try:
        program = webbrowser.get()
    except webbrowser.Error:
        return None
    name = Path(str(getattr(program, "name", ""))).name
    return None if name in environment.TEXT_BROWSERS else program


def _open(program: webbrowser.BaseBrowser, address: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):  # the address stands on the terminal, too
        program.open(address)
