"""What is pasted into real terminals and pipes."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.signin.paste import MOST_BYTES, QUIET_SECONDS, Pasted

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = "https://localhost/?code=" + "abcdefgh" * 1000 + "&state=x"


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Open a terminal: the side of the person, and that of the program."""
    person, program = os.openpty()
    with _closed_at_the_end(person, program):
        yield person, program


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Open a pipe: the side that writes, and that which reads."""
    program, person = os.pipe()
    with _closed_at_the_end(person, program):
        yield person, program


@contextlib.contextmanager
def _closed_at_the_end(*descriptors: int) -> Iterator[None]:
    """Close the *descriptors*, those included that the test closed before."""
    try:
        yield
    finally:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def send(fd: int, *pieces: str | bytes, pause: float = 0.0) -> threading.Thread:
    """Write *pieces* in the background, as a terminal does, with a *pause* in seconds after each."""

    def write() -> None:
        for piece in pieces:
            data = piece.encode() if isinstance(piece, str) else piece
            while data:
                data = data[os.write(fd, data) :]
            time.sleep(pause)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def mode_of(fd: int) -> list[object]:
    """Return the mode of a terminal."""
    return list(termios.tcgetattr(fd))


def test_nothing_typed_is_none_in_time() -> None:
    """A poll ends after its time when nothing is complete."""
    with terminal() as (person, program), Pasted(program) as pasted:
        os.write(person, b"no Enter yet")
        begun = time.monotonic()
        found = pasted.poll(0.5)
        took = time.monotonic() - begun

    assert found is None
    assert 0.4 < took < 1


def test_waiting_costs_no_time_of_the_processor() -> None:
    """A poll sleeps until something comes, also in the middle of a line and inside a bracketed paste."""
    with terminal() as (person, program), Pasted(program) as pasted:
        os.write(person, b"\x1b[200~line\nhalf")
        begun = time.process_time()
        pasted.poll(1)
        spent = time.process_time() - begun

    assert spent < 0.1


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
    with terminal() as (person, program), Pasted(program) as pasted:
        send(person, typed)
        found = pasted.poll(5)

    assert found == text


def test_a_bracketed_paste_is_waited_for() -> None:
    """A terminal that says where a paste ends is believed, however slowly it comes."""
    with terminal() as (person, program), Pasted(program) as pasted:
        send(person, "\x1b[200~one\n", "two\n", "\x1b[201~\n", pause=QUIET_SECONDS * 1.5)
        found = pasted.poll(5)

    assert found == "one\ntwo"


def test_what_is_pasted_is_not_shown() -> None:
    """The terminal echoes nothing: a pasted address is a key for some minutes."""
    with terminal() as (person, program), Pasted(program) as pasted:
        send(person, "https://localhost/?code=secret\n")
        pasted.poll(5)
        os.set_blocking(person, False)

        with pytest.raises(BlockingIOError):
            os.read(person, 100)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, SystemExit, ValueError])
def test_the_terminal_is_put_back(error: type[BaseException] | None) -> None:
    """The terminal has its old mode afterwards, whatever ended the wait."""
    with terminal() as (_, program):
        before = mode_of(program)
        with contextlib.suppress(KeyboardInterrupt, SystemExit, ValueError), Pasted(program):
            during = mode_of(program)
            if error:
                raise error
        after = mode_of(program)

    assert during != before
    assert after == before


def test_what_was_not_read_never_reaches_the_shell() -> None:
    """A paste that arrives while the sign-in ends is discarded: it may hold the code."""
    with terminal() as (person, program):
        with Pasted(program):
            os.write(person, b"https://localhost/?code=secret\n")
            time.sleep(0.2)
        os.set_blocking(program, False)

        with pytest.raises(BlockingIOError):
            os.read(program, 100)


def test_end_of_input_gives_what_is_there() -> None:
    """Ctrl-D after some text ends it like Enter, and nothing more comes."""
    with terminal() as (person, program), Pasted(program) as pasted:
        send(person, "half a line\x04ignored")
        found = pasted.poll(5)

        assert found == "half a line"
        assert pasted.closed
        assert pasted.poll(0.1) is None


def test_a_terminal_that_goes_away_closes() -> None:
    """A lost connection is the end of input, and leaving is no error."""
    with terminal() as (person, program), Pasted(program) as pasted:
        os.close(person)
        found = pasted.poll(5)

        assert found is None
        assert pasted.closed


def test_a_pipe_is_read_to_its_end() -> None:
    """What a pipe brings is one paste, with or without a line end, and editing keys mean nothing in it."""
    with pipe() as (person, program), Pasted(program) as pasted:
        send(person, LONG + "\x7f").join()
        os.close(person)
        found = pasted.poll(5)

        assert found == LONG + "\x7f"
        assert pasted.closed


@pytest.mark.parametrize("is_open", [True, False])
def test_an_empty_or_missing_input_is_closed(is_open: bool) -> None:
    """From /dev/null and without standard input nothing is read, and that is no failure."""
    program = os.open(os.devnull, os.O_RDONLY)
    if not is_open:
        os.close(program)

    with Pasted(program) as pasted:
        found = pasted.poll(1)

        assert found is None
        assert pasted.closed


def test_a_flood_is_bounded() -> None:
    """However much is pasted, a bounded piece of it is kept."""
    with pipe() as (person, program), Pasted(program) as pasted:
        sender = send(person, "x" * (MOST_BYTES * 2) + "\n")
        found = pasted.poll(10)
        sender.join(1)

        assert found == "x" * MOST_BYTES
        assert pasted.poll(QUIET_SECONDS * 2) is None


def test_a_signal_while_the_terminal_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends the program just then leaves the terminal as it was, too."""
    with terminal() as (_, program):
        before = mode_of(program)
        pasted = Pasted(program)
        set_mode = pasted._set_mode  # noqa: SLF001 - the moment in question has no other name

        def interrupted() -> None:
            set_mode()
            raise SystemExit(143)

        monkeypatch.setattr(pasted, "_set_mode", interrupted)
        with pytest.raises(SystemExit):
            pasted.__enter__()

        assert mode_of(program) == before


def in_session(work: str) -> tuple[int, bytes]:
    """Run the Python code *work* in a session with a terminal of its own; return its exit code and output."""
    child, person = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", work])
    found = b""
    with contextlib.suppress(OSError):  # how a terminal ends on Linux
        while chunk := os.read(person, 1000):
            found += chunk
    os.close(person)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), found


BACKGROUND = """
import os, signal, sys
from offlineimap_m365.signin.paste import Pasted
child = os.fork()
if not child:
    os.setpgid(0, 0)
    with Pasted(0) as pasted:
        found = pasted.poll(0.3)
        os.write(1, f"{found} {pasted.closed}".encode())
    os._exit(0)
pid, status = os.waitpid(child, os.WUNTRACED)
print(" stopped" if os.WIFSTOPPED(status) else " ended")
if os.WIFSTOPPED(status): os.kill(child, signal.SIGKILL)
"""

TAKEN_AWAY = """
import os, signal, sys, termios, time
from offlineimap_m365.signin.paste import Pasted
ready, go = os.pipe(), os.pipe()
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
before = termios.tcgetattr(0)
child = os.fork()
if not child:
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.read(go[0], 1)
    with Pasted(0) as pasted:
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        found = pasted.poll(0.3)
        os.write(1, f"{found} {pasted.closed}".encode())
    os._exit(0)
time.sleep(0.2)
os.tcsetpgrp(0, child)
os.write(go[1], b"x")
os.read(ready[0], 1)
os.tcsetpgrp(0, os.getpgrp())
termios.tcsetattr(0, termios.TCSANOW, before)
os.write(go[1], b"x")
pid, status = os.waitpid(child, os.WUNTRACED)
same = termios.tcgetattr(0) == before
print(" stopped" if os.WIFSTOPPED(status) else " ended", "same" if same else "changed")
if os.WIFSTOPPED(status): os.kill(child, signal.SIGKILL)
"""


def test_in_the_background_nothing_is_read() -> None:
    """A sign-in that was started in the background is not stopped by the terminal, and knows that it has none."""
    code, output = in_session(BACKGROUND)

    assert (code, output.split()) == (0, [b"None", b"True", b"ended"])


def test_a_terminal_that_another_job_took_is_left_alone() -> None:
    """A sign-in that lost the terminal while it waited neither stops nor changes the other job's mode."""
    code, output = in_session(TAKEN_AWAY)

    assert (code, output.split()) == (0, [b"None", b"True", b"ended", b"same"])
