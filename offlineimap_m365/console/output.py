"""
What a stream can show: whether somebody looks, in colours, in how many columns, and with which characters.

All that is written for people passes here; what is for programs does not.
"""

from __future__ import annotations

import contextlib
import os
import textwrap
import unicodedata
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment

if TYPE_CHECKING:
    from typing import TextIO

#: Columns of what is no terminal: a file or a pipe takes any line.
ENDLESS = 10_000
#: Below this a table becomes a list of lines, one for each field.
NARROW = 60
#: Columns of a terminal that does not tell them.
_USUAL = 80
#: In fewer columns nothing is wrapped.
_LEAST = 20
#: Characters of ours, and what stands for them where there is only ASCII. None becomes a single quote, which would end
#: a word of a command.
_ASCII = {
    "✓": "ok",
    "✗": "!!",
    "–": "--",  # noqa: RUF001 - shown where it can be
    "…": "...",
    "“": '"',
    "”": '"',
    "\ufffd": "?",
}
#: Erase in Line (ECMA-48 §8.3.41), from the cursor to the end.
_TO_THE_END = "\x1b[K"
#: Select Graphic Rendition (ECMA-48 §8.3.117): red, green, yellow, faint, bold.
_CODES = {"red": "31", "green": "32", "yellow": "33", "faint": "2", "bold": "1"}


def is_terminal(stream: TextIO | None) -> bool:
    """Does somebody look at *stream*?"""
    return stream is not None and stream.isatty()


def width(stream: TextIO | None) -> int:
    """Return the columns of *stream*: ``$COLUMNS``, else the terminal's own; ENDLESS for a file or a pipe."""
    if stream is None or not stream.isatty():
        return ENDLESS
    try:
        own = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        own = 0
    return environment.columns() or own or _USUAL


def columns(text: str) -> int:
    """Return the columns that *text* takes: two for wide characters, none for marks (Unicode TR11)."""
    return len(text) + sum(
        -1 if unicodedata.combining(c) else unicodedata.east_asian_width(c) in "WF" for c in text if not c.isascii()
    )


def can_show(text: str, stream: TextIO | None) -> bool:
    """Can *stream*, in its encoding and the person's locale, show *text*?"""
    encoding = (stream and stream.encoding) or "ascii"
    try:
        text.encode("ascii" if environment.ascii_only() else encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def spelled(text: str, stream: TextIO | None) -> str:
    """Return *text* with characters of ours that *stream* cannot show spelt in ASCII; those of names stay."""
    if text.isascii():
        return text
    return "".join(_ASCII[c] if c in _ASCII and not can_show(c, stream) else c for c in text)


def wrapped(text: str, stream: TextIO | None, indent: str = "") -> list[str]:
    """Return *text* as lines for *stream*, each behind *indent*; a word, such as an address, is never broken."""
    room = max(width(stream), _LEAST) - 1
    return textwrap.wrap(
        text, room, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def cut(text: str, room: int, stream: TextIO | None) -> str:
    """Return *text* in at most *room* columns, with an ellipsis for what is left out."""
    if columns(text) <= room:
        return text
    dots = spelled("…", stream)
    kept = text[: max(room, 0) * 2]  # a character takes a column at least, but for marks
    while kept and columns(kept) + len(dots) > room:
        kept = kept[:-1]
    return kept.rstrip() + dots


def paint(text: str, colour: str, stream: TextIO | None) -> str:
    """Return *text* in *colour* (red, green, yellow, faint, bold) if *stream* is a terminal that may have colours."""
    if not is_terminal(stream) or environment.colourless():
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


class Passing:
    """A line on *stream* that is there for a while and then is not: only on a terminal that can take it back."""

    def __init__(self, stream: TextIO | None) -> None:
        """Begin with nothing shown."""
        self._stream = stream if is_terminal(stream) and not environment.dumb() else None
        self._shown = ""

    def show(self, text: str) -> None:
        """Show *text* in the place of what is shown, as far as it fits into one line."""
        shown = cut(spelled(text, self._stream), width(self._stream) - 1, self._stream)
        if shown != self._shown:
            self._write(f"\r{shown}{_TO_THE_END if self._shown else ''}")
            self._shown = shown

    def clear(self) -> None:
        """Take back what is shown."""
        if self._shown:
            self._write(f"\r{_TO_THE_END}")
            self._shown = ""

    def _write(self, text: str) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.write(text)
                self._stream.flush()
