"""The work for a server's answer grows with its length, never with the square of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.mail import folder_list, server_text
from offlineimap_m365.mail.bounded_socket import BoundedReader
from tests import executed_lines

if TYPE_CHECKING:
    from collections.abc import Callable

#: As long as a line may be, and what a sixteenth of the 17 s would be that 121 kB once took.
LONGEST, SECONDS = 1 << 17, 1.0

#: What a server could send in one answer of about *size* bytes, and what reads it.
ANSWERS: dict[str, Callable[[int], Callable[[], Any]]] = {
    "a name of brackets": lambda size: lambda: list(folder_list.messages([b"(" * size + b" (MESSAGES 1)"])),
    "numbers that do not end": lambda size: lambda: list(folder_list.messages([b"x (MESSAGES " + b"1" * size])),
    "items that do not end": lambda size: lambda: list(folder_list.messages([b"x (" + b"MESSAGES 1 " * (size // 11)])),
    "items without a number": lambda size: (
        lambda: list(folder_list.messages([b"(" + b"MESSAGES " * (size // 9) + b")"]))
    ),
    "blanks before the items": lambda size: lambda: list(folder_list.messages([b" " * size + b"(UNSEEN 1)"])),
    "flags that do not end": lambda size: lambda: folder_list.listed([b"(" + b"\\a " * (size // 3)]),
    "a separator of backslashes": lambda size: lambda: folder_list.listed([b'() "' + b"\\" * size]),
    "a quoted name of backslashes": lambda size: (
        lambda: folder_list.listed([b'() "/" "' + b"\\\\" * (size // 2) + b'"'])
    ),
    "a literal's braces": lambda size: lambda: folder_list.listed([(b'() "/" ' + b"{1" * (size // 2), b"x")]),
    "words for a message": lambda size: lambda: server_text.clean("run " * (size // 4)),
    "blanks for a message": lambda size: lambda: server_text.clean("run" + " " * size),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_line_takes_long(answer: Callable[[int], Callable[[], Any]]) -> None:
    """A line as long as a line may be is read at once, whatever it holds, and its length costs no more steps."""
    long, short = answer(LONGEST), answer(LONGEST // 2)
    started = time.process_time()
    long()

    assert time.process_time() - started < SECONDS
    assert executed_lines.count(long) <= 2 * executed_lines.count(short) + 10


@pytest.mark.parametrize("number", [200, 400])
def test_each_folder_costs_the_same(number: int) -> None:
    """Twice as many folders are twice as many steps."""

    def lists(folders: int) -> Callable[[], object]:
        lines = [b'() "/" "folder %d"' % n for n in range(folders)]
        counts = [b'"folder %d" (MESSAGES 3)' % n for n in range(folders)]
        return lambda: (folder_list.listed(lines), list(folder_list.messages(counts)))

    assert executed_lines.count(lists(2 * number)) <= 2 * executed_lines.count(lists(number)) + 10


class Dripping:
    """A connection on which one byte comes at a time."""

    def __init__(self, data: bytes) -> None:
        """Send *data*."""
        self._data = [bytes([byte]) for byte in data]

    def settimeout(self, seconds: float) -> None:
        """Wait as long as it takes."""

    def recv(self, size: int) -> bytes:  # noqa: ARG002 - socket.recv
        """Return the next byte."""
        return self._data.pop(0) if self._data else b""


def test_a_line_that_comes_byte_by_byte_is_searched_once() -> None:
    """Twice as many bytes are twice as many steps, and the reader looks for the line's end in what is new only."""

    def read(size: int) -> Callable[[], object]:
        reader = BoundedReader(1 << 20)
        reader.attach(Dripping(b"x" * size + b"\n"))  # type: ignore[arg-type]
        return reader.readline

    assert executed_lines.count(read(4000)) <= 2 * executed_lines.count(read(2000)) + 10
