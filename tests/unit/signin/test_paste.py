"""What is pasted into real terminals and pipes."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.signin import paste
from offlineimap_m365.signin.paste import pasting

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = "https://localhost/?code=" + "abcdefgh" * 1000 + "&state=x"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paste, "QUIET_SECONDS", 0.02)


@contextlib.contextmanager
def opened(person: int, program: int) -> Iterator[tuple[int, int]]:
    """Close both sides at the end, those included that the test closed before."""
    try:
        yield person, program
    finally:
        for descriptor in (person, program):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def terminal() -> contextlib.AbstractContextManager[tuple[int, int]]:
    """Open a terminal: the side of the person, and that of the program."""
    return opened(*os.openpty())


def send(fd: int, text: str) -> None:
    """Write *text* in the background: a terminal takes only so much until it is read."""

    def write() -> None:
        data = text.encode()
        while data:
            data = data[os.write(fd, data) :]

    threading.Thread(target=write, daemon=True).start()


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("a\x1b[D\x1b[1;5Cb\x1bOA\n", "ab"),
        ("\x1b[200~one\ntwo\x1b[201~\n", "one\ntwo"),
        ("a\x16b\x0fc\n", "a\x16b\x0fc"),
        ("\n", ""),
        (LONG + "\n", LONG),
        ("https://localhost/?code=a\nbc&state=x", "https://localhost/?code=a\nbc&state=x"),
    ],
    ids=["arrow keys", "bracketed paste", "Ctrl-V, Ctrl-O", "Enter alone", "over 4,095 characters", "no last Enter"],
)
def test_a_paste_arrives_whole(typed: str, text: str) -> None:
    """Its length does not matter, escape sequences are removed, and the terminal takes no character for itself."""
    with terminal() as (person, program), pasting(program) as pasted:
        send(person, typed)

        assert pasted.poll(5) == text


def test_a_bracketed_paste_is_waited_for() -> None:
    """A terminal that says where a paste ends is believed, however slowly it comes."""
    with terminal() as (person, program), pasting(program) as pasted:
        found: list[str | None] = []
        for piece in (b"\x1b[200~one\n", b"two\n", b"\x1b[201~\n"):
            os.write(person, piece)
            found.append(pasted.poll(paste.QUIET_SECONDS * 3 if len(found) < 2 else 5))

    assert found == [None, None, "one\ntwo"]


def test_the_mode_is_set_again_after_the_shell_had_the_terminal() -> None:
    """After Ctrl-Z and fg the terminal would echo what is pasted."""
    with terminal() as (_, program):
        shells = termios.tcgetattr(program)
        with pasting(program) as pasted:
            termios.tcsetattr(program, termios.TCSANOW, shells)
            pasted.poll(0.01)

            assert not termios.tcgetattr(program)[3] & (termios.ECHO | termios.ICANON)


def test_a_job_in_the_background_leaves_the_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads or sets it there is stopped; after fg it is read."""
    with terminal() as (person, program):
        shells = termios.tcgetattr(program)
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        with pasting(program) as pasted:
            os.write(person, b"typed\n")
            assert pasted.poll(0.05) is None
            assert termios.tcgetattr(program) == shells
            monkeypatch.undo()
            assert pasted.poll(5) == "typed"


def test_what_is_pasted_is_neither_shown_nor_left_to_the_shell() -> None:
    """The terminal echoes nothing, and a paste that arrives while the sign-in ends is discarded: it is a key."""
    with terminal() as (person, program):
        with pasting(program) as pasted:
            os.write(person, b"https://localhost/?code=secret\n")
            pasted.poll(5)
            os.write(person, b"https://localhost/?code=secret\n")
            assert select.select([program], [], [], 5)[0]
        for side in (person, program):
            os.set_blocking(side, False)
            with pytest.raises(BlockingIOError):
                os.read(side, 100)


@pytest.mark.parametrize(("typed", "text"), [("half a line\x04ignored", "half a line"), (None, None)])
def test_the_end_of_a_terminal_gives_what_is_there(typed: str | None, text: str | None) -> None:
    """Ctrl-D after some text ends it like Enter; a lost connection is the end as well, and leaving is no error."""
    with terminal() as (person, program), pasting(program) as pasted:
        if typed:
            os.write(person, typed.encode())
        else:
            os.close(person)

        assert pasted.poll(5) == text
        assert pasted.closed
        assert pasted.poll(5) is None


def test_a_pipe_is_read_to_its_end() -> None:
    """What a pipe brings is one paste, with or without a line end, and editing keys mean nothing in it."""
    program, person = os.pipe()
    with opened(person, program), pasting(program) as pasted:
        os.write(person, LONG.encode() + b"\x7f")
        os.close(person)

        assert pasted.poll(5) == LONG + "\x7f"
        assert pasted.closed


@pytest.mark.parametrize("is_open", [True, False])
def test_an_empty_or_missing_input_is_closed(is_open: bool) -> None:
    """From /dev/null and without standard input nothing is read, and that is no failure."""
    program = os.open(os.devnull, os.O_RDONLY)
    if not is_open:
        os.close(program)

    with pasting(program) as pasted:
        assert pasted.poll(5) is None
        assert pasted.closed
