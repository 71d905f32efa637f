"""
What a person types or pastes while a sign-in waits, from a terminal or a pipe.

A terminal in its usual mode hands over 4,095 characters of a line at most (Linux; 1,024 on macOS), and an
address can be longer; so it is read as it comes. What is pasted opens the mailbox for some minutes: it is not
shown.
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
    from types import TracebackType

    from typing_extensions import Self

#: A paste has ended when a line is complete and nothing followed for so long, in seconds.
QUIET_SECONDS = 0.4
#: More than this of one paste is dropped, in bytes: the longest real page has a tenth of it.
MOST_BYTES = 262144

_CHUNK = 65536
_END_OF_INPUT = 4  # Ctrl-D
_BRACKET_OPEN, _BRACKET_CLOSE = b"\x1b[200~", b"\x1b[201~"
#: Escape sequences (ECMA-48 §5.4): arrow keys, and the brackets that a terminal puts round a paste.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
_LOCAL_FLAGS, _CONTROL_CHARACTERS = 3, 6


class Pasted:
    """Reads what is pasted; use it in a ``with`` statement, so that the terminal is put back as it was."""

    def __init__(self, fd: int = 0) -> None:
        """Read from the file descriptor *fd*."""
        self._fd = fd
        self._saved: list[Any] | None = None
        self._data = bytearray()
        self._last = 0.0
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether nothing can come: after the end, or in the background, where a terminal is out of reach."""
        return self._ended or self.is_background

    @property
    def is_terminal(self) -> bool:
        """Whether somebody may be typing."""
        return self._saved is not None

    @property
    def is_background(self) -> bool:
        """Whether another job has the terminal: reading would stop this one (SIGTTIN)."""
        try:
            return os.isatty(self._fd) and os.tcgetpgrp(self._fd) != os.getpgrp()
        except OSError:  # not the terminal of this session, so without job control
            return False

    def __enter__(self) -> Self:
        """Take the terminal over, if it is one: no echo, no limit on lines; Ctrl-C still works."""
        try:
            os.fstat(self._fd)
        except OSError:
            self._ended = True
        if not self._ended and os.isatty(self._fd) and not self.is_background:
            self._saved = termios.tcgetattr(self._fd)
            try:
                self._take_over()
            except BaseException:  # a signal that ends the login may come just now, and nobody else puts it back
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the terminal back, unless it went away or another program has it now."""
        self._data.clear()
        if self._saved is None or self.is_background:
            return
        with contextlib.suppress(termios.error), _no_stop():
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)

    def poll(self, timeout: float) -> str | None:
        """
        Return one paste, without the line ends at its end; None if none is complete within *timeout* seconds.

        An empty line gives an empty text. At the end of input what is there is returned, while *closed* is
        already true.
        """
        until = time.monotonic() + timeout
        while True:
            if self._is_complete():
                return self._hand_over()
            now = time.monotonic()
            if self._ended or now > until:
                return None
            self._receive(max(0.0, min(until - now, self._quiet_left(now))))

    def _is_complete(self) -> bool:
        """Tell whether what came so far is a whole paste."""
        if self._ended:
            return bool(self._data)
        is_open = self._data.rfind(_BRACKET_OPEN) > self._data.rfind(_BRACKET_CLOSE)
        if is_open and len(self._data) < MOST_BYTES:
            return False
        return self._has_line_end() and time.monotonic() - self._last >= QUIET_SECONDS

    def _has_line_end(self) -> bool:
        """Tell whether a line is complete, or all that is kept of it."""
        return b"\n" in self._data or b"\r" in self._data or len(self._data) >= MOST_BYTES

    def _quiet_left(self, now: float) -> float:
        """Return how long to wait until what came so far counts as a paste, in seconds."""
        left = self._last + QUIET_SECONDS - now
        return left if self._has_line_end() and left > 0 else QUIET_SECONDS

    def _receive(self, seconds: float) -> None:
        """Add what arrives within *seconds*."""
        if self.is_background:
            time.sleep(seconds)
            return
        self._take_over()
        if not select.select([self._fd], [], [], seconds)[0]:
            return
        chunk = self._read()
        self._last = time.monotonic()
        end = chunk.find(_END_OF_INPUT) if self.is_terminal else -1
        self._ended = not chunk or end >= 0
        chunk = chunk if end < 0 else chunk[:end]
        self._data += chunk[: MOST_BYTES - len(self._data)]

    def _read(self) -> bytes:
        """Return what is there, nothing at the end of input or when the terminal went away."""
        with _no_stop():
            try:
                return os.read(self._fd, _CHUNK)
            except OSError:
                return b""

    def _hand_over(self) -> str:
        """Return what came, and begin anew."""
        data = bytes(self._data)
        self._data.clear()
        return _typed(data).rstrip("\r\n") if self.is_terminal else _decode(data).rstrip("\r\n")

    def _take_over(self) -> None:
        """Set the mode, also again after the shell had the terminal for a while (Ctrl-Z, fg)."""
        if self._saved is None:
            return
        with contextlib.suppress(termios.error), _no_stop():
            mode = termios.tcgetattr(self._fd)
            if mode[_LOCAL_FLAGS] & (termios.ICANON | termios.ECHO):
                # IEXTEN would take Ctrl-V and Ctrl-O out of a paste; ISIG stays, for Ctrl-C.
                mode[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
                mode[_CONTROL_CHARACTERS][termios.VMIN] = 1
                mode[_CONTROL_CHARACTERS][termios.VTIME] = 0
                termios.tcsetattr(self._fd, termios.TCSADRAIN, mode)


@contextlib.contextmanager
def _no_stop() -> Iterator[None]:
    """Let a terminal that was just lost be an error (EIO), not a stop of this program (POSIX §11.1.4)."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _decode(data: bytes) -> str:
    """Return *data* as text without escape sequences."""
    return _ESCAPES.sub(b"", data).decode(errors="replace")


def _typed(data: bytes) -> str:
    """Return what a person who corrects lines meant: Backspace takes a character back, Ctrl-U the line."""
    kept: list[str] = []
    for character in _decode(data):
        if character in "\x08\x7f":
            if kept and kept[-1] != "\n":
                kept.pop()
        elif character == "\x15":
            while kept and kept[-1] != "\n":
                kept.pop()
        else:
            kept.append(character)
    return "".join(kept)
