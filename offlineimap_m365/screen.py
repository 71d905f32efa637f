"""
What a stream can show: whether somebody looks, in colours, in how many columns, and with which characters.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from offlineimap_m365 import environment

if TYPE_CHECKING:
    from typing import TextIO

#: Columns of what is no terminal: a file or a pipe takes any line.
ENDLESS = 10_000
#: Below this a table becomes a list of lines, one for each field.
NARROW = 60
#: Select Graphic Rendition (ECMA-48 §8.3.117): red, green, yellow, faint, bold.
_CODES = {"red": "31", "green": "32", "yellow": "33", "faint": "2", "bold": "1"}


def is_terminal(stream: TextIO | None) -> bool:
    """Does somebody look at *stream*?"""
    return stream is not None and stream.isatty()


def width(stream: TextIO | None) -> int:
    """Return the columns of *stream*: ``$COLUMNS``, else the terminal's own; ENDLESS for a file or a pipe."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else ENDLESS


def can_show(text: str, stream: TextIO | None) -> bool:
    """Can *stream*, in its encoding, show *text*?"""
    try:
        text.encode((stream and stream.encoding) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def paint(text: str, colour: str, stream: TextIO | None) -> str:
    """Return *text* in *colour* (red, green, yellow, faint, bold) if *stream* is a terminal that may have colours."""
    if not is_terminal(stream) or environment.colourless():
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"
