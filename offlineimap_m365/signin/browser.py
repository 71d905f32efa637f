"""
The browser in which a person signs in: whether there is one that they see, and opening a page in it.

A browser for the terminal never counts: it would take the terminal over, and no sign-in page works in it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import webbrowser
from pathlib import Path

from offlineimap_m365.base import environment

#: Browsers that run in the terminal: no sign-in page works in them.
_FOR_TERMINALS = frozenset({"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh", "carbonyl"})


def is_there() -> bool:
    """Can a page be opened where the person sees it?"""
    return _find() is not None


def show(address: str) -> None:
    """Open *address*; in a thread of its own, since some browsers come back only when they are closed."""
    program = _find()
    if program is not None:
        threading.Thread(target=_open, args=(program, address), daemon=True).start()


def named() -> str:
    """Return ``$BROWSER``, or an empty string if it names a browser for the terminal."""
    command = os.environ.get("BROWSER", "")
    program = Path(command.split(os.pathsep)[0].split(" ")[0]).name
    return "" if program in _FOR_TERMINALS else command


def is_graphical() -> bool:
    """Is this a graphical session on the person's own machine?"""
    has_display = sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return has_display and not environment.over_ssh()


def _find() -> webbrowser.BaseBrowser | None:
    """Return the first browser; ``webbrowser.open`` would go on to those for the terminal if it fails."""
    if not (named() or is_graphical()):
        return None
    try:
        program = webbrowser.get()
    except webbrowser.Error:
        return None
    name = Path(str(getattr(program, "name", ""))).name
    return None if name in _FOR_TERMINALS else program


def _open(program: webbrowser.BaseBrowser, address: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):  # the address stands on the terminal, too
        program.open(address)
