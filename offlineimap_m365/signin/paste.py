"""
Reads what a person pastes while a sign-in waits, from a terminal or a pipe.

A terminal in its usual mode passes on at most 4,095 characters of a line (Linux; 1,024 on macOS), and an address can be
longer. So the terminal is read character by character. A pasted address opens the mailbox for some minutes, so it is
not shown, and what was not read is discarded at the end: the shell never gets it.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds without another character after which a complete line, or several, counts as one paste.
QUIET_SECONDS = 0.4
#: Most bytes of one paste; the longest real page has a tenth of it.
MOST_BYTES = 262144

_CHUNK = 65536
_END_OF_INPUT = 4  # Ctrl-D
_BRACKET_OPEN, _BRACKET_CLOSE = b"\x1b[200~", b"\x1b[201~"
#: Escape sequences (ECMA-48 §5.4): arrow keys, and the brackets that a terminal puts around a paste.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
_LOCAL_FLAGS, _CONTROL_CHARACTERS = 3, 6


@contextlib.contextmanager
def pasting(fd: int = 0) -> Iterator[Pasted]:
    """Read pastes from the file descriptor *fd*; at the end a terminal gets its old mode back."""
    before = termios.tcgetattr(fd) if os.isatty(fd) else None
    try:
        yield Pasted(fd)
    finally:
        if before is not None and not _is_in_background(fd):
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(fd, termios.TCSAFLUSH, before)


def _is_in_background(fd: int) -> bool:
    """Return whether the terminal belongs to another job: one in the background is stopped if it reads or sets it."""
    try:
        return os.tcgetpgrp(fd) != os.getpgrp()
    except OSError:  # no terminal, or not the one of our jobs
        return False


class Pasted:
    """What is pasted; *closed* once nothing more can come."""

    def __init__(self, fd: int) -> None:
        """Read from the file descriptor *fd*."""
        self.is_terminal = os.isatty(fd)
        self.closed = False
        self._fd = fd
        self._data = bytearray()
        self._last = 0.0
        self._set_mode()

    def poll(self, timeout: float) -> str | None:
        """
        Return one paste, without the line ends at its end; None if none is complete within *timeout* seconds.

        An empty line gives an empty text. At the end of input the rest is returned, while *closed* is already true.
        """
        until = time.monotonic() + timeout
        while not self._is_complete():
            left = until - time.monotonic()
            if self.closed or left < 0:
                return None
            self._receive(min(left, QUIET_SECONDS))
        text = _ESCAPES.sub(b"", bytes(self._data)).decode(errors="replace")
        self._data.clear()
        return text.rstrip("\r\n")

    def _is_complete(self) -> bool:
        """Return whether the data is a whole paste."""
        if self.closed:
            return bool(self._data)
        if len(self._data) < MOST_BYTES:
            is_open = self._data.rfind(_BRACKET_OPEN) > self._data.rfind(_BRACKET_CLOSE)
            if is_open or not (b"\n" in self._data or b"\r" in self._data):
                return False
        return time.monotonic() - self._last >= QUIET_SECONDS

    def _receive(self, seconds: float) -> None:
        """Add what arrives within *seconds*."""
        if _is_in_background(self._fd):
            time.sleep(seconds)
            return
        self._set_mode()
        try:
            if not select.select([self._fd], [], [], seconds)[0]:
                return
            chunk = os.read(self._fd, _CHUNK)
        except OSError:  # closed, or the terminal went away
            chunk = b""
        self._last = time.monotonic()
        end = chunk.find(_END_OF_INPUT) if self.is_terminal else -1
        self.closed = not chunk or end >= 0
        self._data += (chunk if end < 0 else chunk[:end])[: MOST_BYTES - len(self._data)]

    def _set_mode(self) -> None:
        """Set the terminal to no echo and no limit on lines, also after Ctrl-Z and fg, which reset it."""
        if not self.is_terminal or _is_in_background(self._fd):
            return
        with contextlib.suppress(termios.error):
            mode = termios.tcgetattr(self._fd)
            if mode[_LOCAL_FLAGS] & (termios.ICANON | termios.ECHO):
                # IEXTEN would take Ctrl-V and Ctrl-O out of a paste; ISIG stays on, for Ctrl-C.
                mode[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
                mode[_CONTROL_CHARACTERS][termios.VMIN] = 1
                mode[_CONTROL_CHARACTERS][termios.VTIME] = 0
                termios.tcsetattr(self._fd, termios.TCSADRAIN, mode)
