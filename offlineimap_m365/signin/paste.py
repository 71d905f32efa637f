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
import signal
import termios
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

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


class Pasted:
    """Reads pastes; use it in a ``with`` statement, so that the terminal gets its old mode back."""

    def __init__(self, fd: int = 0) -> None:
        """Read from the file descriptor *fd*."""
        self._fd = fd
        self._mode: list[Any] | None = None
        self._data = bytearray()
        self._last = 0.0
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether nothing can come: after the end of input, or in the background."""
        return self._ended or self.is_background

    @property
    def is_terminal(self) -> bool:
        """Whether this reads from a terminal."""
        return self._mode is not None

    @property
    def is_background(self) -> bool:
        """Whether another job has the terminal: reading would stop this one (SIGTTIN)."""
        try:
            return os.isatty(self._fd) and os.tcgetpgrp(self._fd) != os.getpgrp()
        except OSError:  # not the terminal of this session, so without job control
            return False

    def __enter__(self) -> Self:
        """Set the terminal to no echo and no limit on lines, if it is one; Ctrl-C still works."""
        try:
            os.fstat(self._fd)
        except OSError:
            self._ended = True
        if not self._ended and os.isatty(self._fd) and not self.is_background:
            self._mode = termios.tcgetattr(self._fd)
            try:
                self._set_mode()
            except BaseException:  # a signal that ends the login may arrive just now
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the terminal and discard what was not read, unless another program has the terminal now."""
        self._data.clear()
        if self._mode is not None and not self.is_background:
            with contextlib.suppress(termios.error), _no_stop():
                termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._mode)

    def poll(self, timeout: float) -> str | None:
        """
        Return one paste, without the line ends at its end; None if none is complete within *timeout* seconds.

        An empty line gives an empty text. At the end of input the rest is returned, while *closed* is already true.
        """
        until = time.monotonic() + timeout
        while not self._is_complete():
            left = until - time.monotonic()
            if self._ended or left < 0:
                return None
            self._receive(min(left, QUIET_SECONDS))
        text = _ESCAPES.sub(b"", bytes(self._data)).decode(errors="replace")
        self._data.clear()
        return text.rstrip("\r\n")

    def _is_complete(self) -> bool:
        """Return whether the data is a whole paste."""
        if self._ended:
            return bool(self._data)
        if len(self._data) < MOST_BYTES:
            is_open = self._data.rfind(_BRACKET_OPEN) > self._data.rfind(_BRACKET_CLOSE)
            if is_open or not (b"\n" in self._data or b"\r" in self._data):
                return False
        return time.monotonic() - self._last >= QUIET_SECONDS

    def _receive(self, seconds: float) -> None:
        """Add what arrives within *seconds*."""
        if self.is_background:
            time.sleep(seconds)
            return
        self._set_mode()
        if not select.select([self._fd], [], [], seconds)[0]:
            return
        chunk = self._read()
        self._last = time.monotonic()
        end = chunk.find(_END_OF_INPUT) if self.is_terminal else -1
        self._ended = not chunk or end >= 0
        self._data += (chunk if end < 0 else chunk[:end])[: MOST_BYTES - len(self._data)]

    def _read(self) -> bytes:
        """Return what is there, nothing at the end of input or when the terminal went away."""
        with _no_stop():
            try:
                return os.read(self._fd, _CHUNK)
            except OSError:
                return b""

    def _set_mode(self) -> None:
        """Set the mode, also again after the shell had the terminal for a while (Ctrl-Z, fg)."""
        if self._mode is None:
            return
        with contextlib.suppress(termios.error), _no_stop():
            mode = termios.tcgetattr(self._fd)
            if mode[_LOCAL_FLAGS] & (termios.ICANON | termios.ECHO):
                # IEXTEN would take Ctrl-V and Ctrl-O out of a paste; ISIG stays on, for Ctrl-C.
                mode[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
                mode[_CONTROL_CHARACTERS][termios.VMIN] = 1
                mode[_CONTROL_CHARACTERS][termios.VTIME] = 0
                termios.tcsetattr(self._fd, termios.TCSADRAIN, mode)


@contextlib.contextmanager
def _no_stop() -> Iterator[None]:
    """Make the use of a terminal that was just lost an error (EIO), not a stop of this program (POSIX §11.1.4)."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
