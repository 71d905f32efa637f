"""
What a stream can show: is it a terminal, how wide, with which characters and colours.

All text for people goes through this module; output for programs does not.
"""

from __future__ import annotations

import contextlib
import os
import textwrap
import threading
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from typing import TextIO

#: The width of a file or a pipe, which takes lines of any length.
ENDLESS = 10_000
#: The width of a terminal that does not report one.
_DEFAULT_WIDTH = 80
#: Text is never wrapped to fewer columns.
_SMALLEST_WIDTH = 20
#: Seconds after which a person is told that something is being waited for.
_PATIENCE = 1.0
#: Our own characters and their ASCII replacements. None is a single quote, which would end a shell word.
_ASCII = {
    "✓": "ok",
    "✗": "!!",
    "–": "--",  # noqa: RUF001 - shown where it can be
    "…": "...",
    "“": '"',
    "”": '"',
    "\ufffd": "?",
}
#: Stands for a command while text is wrapped: a noncharacter (Unicode §23.7), which no text holds.
_UNBROKEN = "\ufdd0"
#: Erase in Line (ECMA-48 §8.3.41), from the cursor to the end.
_TO_THE_END = "\x1b[K"
#: Select Graphic Rendition (ECMA-48 §8.3.117): red, green, yellow, faint, bold.
_CODES = {"red": "31", "green": "32", "yellow": "33", "faint": "2", "bold": "1"}


def is_terminal(stream: TextIO | None) -> bool:
    """Is *stream* a terminal?"""
    return stream is not None and stream.isatty()


def width(stream: TextIO | None) -> int:
    """Return the columns of *stream*: ``$COLUMNS``, else the terminal's own; ENDLESS for a file or a pipe."""
    if stream is None or not stream.isatty():
        return ENDLESS
    try:
        own = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        own = 0
    return _columns_variable() or own or _DEFAULT_WIDTH


def _columns_variable() -> int:
    """Return ``$COLUMNS``, which overrides the terminal's width; 0 if it is not a number."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len("100000") else 0


def columns(text: str) -> int:
    """Return the columns that *text* takes: two for wide characters, none for marks (Unicode TR11)."""
    return len(text) + sum(
        -1 if unicodedata.combining(c) else unicodedata.east_asian_width(c) in "WF" for c in text if not c.isascii()
    )


def can_show(text: str, stream: TextIO | None) -> bool:
    """Can *stream*, in its encoding and the person's locale, show *text*?"""
    encoding = (stream and stream.encoding) or "ascii"
    try:
        text.encode("ascii" if _is_ascii_only() else encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _is_ascii_only() -> bool:
    """
    Is the locale C or POSIX, which have ASCII only, and is no other encoding asked for?

    Python writes UTF-8 in such a locale (PEP 540), and for that may set ``LC_CTYPE=C.UTF-8`` itself (PEP 538).
    """
    if os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8"):
        return False
    everything, kind, usual = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return (everything or (kind if kind != "C.UTF-8" else usual) or usual) in ("", "C", "POSIX")


def spelled(text: str, stream: TextIO | None) -> str:
    """Return *text* with our own characters in ASCII where *stream* cannot show them; names stay as they are."""
    if text.isascii():
        return text
    return "".join(_ASCII[c] if c in _ASCII and not can_show(c, stream) else c for c in text)


def wrapped(text: str, stream: TextIO | None, indent: str = "", *, command: str | None = None) -> list[str]:
    """
    Return *text*, then *command*, as lines for *stream*, each after *indent*.

    A line is broken between words only: never inside an address, and never inside the command.
    """
    # The command takes part as one word of its length, and is put in place afterwards.
    placeholder = _UNBROKEN * columns(command) if command else ""
    lines = textwrap.wrap(
        f"{text.rstrip()} {placeholder}",
        max(width(stream), _SMALLEST_WIDTH) - 1,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(placeholder, command) if command else line for line in lines] or [""]


def cut(text: str, most: int, stream: TextIO | None) -> str:
    """Return *text* in at most *most* columns, with an ellipsis where it was cut."""
    if columns(text) <= most:
        return text
    dots = spelled("…", stream)
    start = text[: max(most, 0) * 2]  # a character takes a column at least, but for combining marks
    while start and columns(start) + len(dots) > most:
        start = start[:-1]
    return start.rstrip() + dots


def paint(text: str, colour: str, stream: TextIO | None) -> str:
    """Return *text* in *colour* (red, green, yellow, faint, bold) if *stream* is a terminal that may have colours."""
    if not is_terminal(stream) or colourless():
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def colourless() -> bool:
    """Does the person want no colour? (no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or _is_dumb()


def _is_dumb() -> bool:
    """Is this a terminal that takes no control sequences, such as Emacs's shell?"""
    return os.environ.get("TERM") == "dumb"


class Passing:
    """A temporary line on *stream*, such as a progress message; only on a terminal that can erase it."""

    def __init__(self, stream: TextIO | None) -> None:
        """Show nothing yet."""
        self._stream = stream if is_terminal(stream) and not _is_dumb() else None
        self._shown = ""

    def show(self, text: str) -> None:
        """Replace the line by *text*, cut to the width of the terminal."""
        line = cut(spelled(errors.printable(text), self._stream), width(self._stream) - 1, self._stream)
        if line != self._shown:
            self._write(f"\r{line}{_TO_THE_END if self._shown else ''}")
            self._shown = line

    def clear(self) -> None:
        """Erase the line."""
        if self._shown:
            self._write(f"\r{_TO_THE_END}")
            self._shown = ""

    @contextlib.contextmanager
    def shown_if_slow(self, text: str) -> Iterator[None]:
        """Show *text* while the block runs, if it takes longer than a second."""
        timer = threading.Timer(_PATIENCE, self.show, (text,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self.clear()

    def _write(self, text: str) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.write(text)
                self._stream.flush()
