"""
Run another program with a limit on its time and its output. The only module that starts one.

Loaded by foreign interpreters too: standard library and Python 3.9 only. ``subprocess`` is imported when it is used.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from offlineimap_m365.base import environment

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from subprocess import Popen
    from typing import Any

#: Run a user's command line by ``[*SHELL, command]``.
SHELL = ("/bin/sh", "-c")
#: Exit codes of a shell or of env(1) that could not start the command (POSIX, "Exit Status for Commands").
NO_SUCH_COMMAND = (126, 127)
#: The values of Result.ended.
ENDED, TIMED_OUT, NOT_STARTED, TOO_MUCH_OUTPUT = "ended", "timed out", "not started", "too much output"
#: Seconds between two checks whether a program has ended that left its pipes open to another one.
_PAUSE = 0.1


class Result:
    """
    What a program did: how it *ended*, its exit *code*, its output *out* and *err*, the *reason* if it was not started.

    *code* is negative for a signal and None unless the program ended by itself.
    """

    __slots__ = ("code", "ended", "err", "out", "reason")

    def __init__(
        self, ended: str, code: int | None = None, out: bytes = b"", err: bytes = b"", reason: str = ""
    ) -> None:
        """Store the parts."""
        self.ended, self.code, self.out, self.err, self.reason = ended, code, out, err, reason

    @property
    def is_success(self) -> bool:
        """Did the program end with exit code 0?"""
        return self.code == 0


def run(  # noqa: PLR0913 - what may differ between programs
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    seconds: float = 20.0,
    most_bytes: int = 1_048_576,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    output: int | None = None,
    keep_running: bool = False,
) -> Result:
    """
    Run the program *argv* and return what it did; a failing program raises nothing.

    It gets *stdin* and then the end of the file. *most_bytes* limits its standard output; of its standard error only
    the last *most_bytes* are returned. *env* is its whole environment (default: environment.for_child()). It runs in
    a session of its own, and it is killed with all its children if it exceeds a limit or if this call is interrupted.
    With *keep_running* it continues after *seconds*. A file descriptor *output* receives everything that it prints.
    """
    import subprocess  # noqa: PLC0415 - a fresh token does not need it

    pipe = subprocess.PIPE if output is None else output
    try:
        program = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=environment.for_child() if env is None else env,
            cwd=cwd,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in an argument
        return Result(NOT_STARTED, reason=(isinstance(error, OSError) and error.strerror) or str(error))
    ended, out, err = "", bytearray(), bytearray()
    try:
        ended = _exchange(program, stdin, (out, err), most_bytes, time.monotonic() + seconds)
    finally:
        if ended == TIMED_OUT and keep_running:
            _reap_later(program)
        else:
            if ended != ENDED:
                _kill(program)
            for stream in (program.stdin, program.stdout, program.stderr):
                _close(stream)
    return Result(ended, program.returncode if ended == ENDED else None, bytes(out), bytes(err))


def run_in_foreground(argv: Sequence[str]) -> int:
    """
    Run *argv* without limits in this job of the terminal, and return its exit code; it prints to standard error.

    Ctrl-C and the end of the terminal reach it, too, and it is killed if this call is interrupted.
    """
    import subprocess  # noqa: PLC0415 - a fresh token does not need it

    return subprocess.call(list(argv), stdin=subprocess.DEVNULL, stdout=2, env=environment.for_child())


def _exchange(
    program: Popen[bytes], data: bytes, parts: tuple[bytearray, bytearray], most_bytes: int, deadline: float
) -> str:
    """Write *data* to the *program* and collect what it prints in *parts*; return how that ended."""
    import selectors  # noqa: PLC0415 - a fresh token does not need it
    import subprocess  # noqa: PLC0415

    out, err = parts
    with selectors.DefaultSelector() as pipes:
        read, write = selectors.EVENT_READ, selectors.EVENT_WRITE
        streams = ((program.stdout, read, out), (program.stderr, read, err), (program.stdin, write, bytearray(data)))
        for stream, event, part in streams:
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                pipes.register(stream, event, part)
        while pipes.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return TIMED_OUT
            ready = pipes.select(min(left, _PAUSE))
            if not ready and program.poll() is not None:
                break  # a program that it started in the background still holds the pipes
            for key, event in ready:
                if not _transfer(key.fd, key.data, is_input=event == write):
                    pipes.unregister(key.fileobj)
                    _close(key.fileobj)
            if len(out) > most_bytes:
                return TOO_MUCH_OUTPUT
            del err[:-most_bytes]
    try:
        program.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return TIMED_OUT
    return ENDED


def _transfer(descriptor: int, part: bytearray, *, is_input: bool) -> bool:
    """Write a piece of *part* to a pipe that is ready, or add to *part* what it has; return whether there is more."""
    if is_input:
        try:
            del part[: os.write(descriptor, part)]
        except BrokenPipeError:  # the program reads no more
            return False
        return bool(part)
    chunk = os.read(descriptor, 65_536)
    part.extend(chunk)
    return bool(chunk)


def _close(stream: Any) -> None:
    if stream is not None:
        stream.close()


def _kill(program: Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


def _reap_later(program: Popen[bytes]) -> None:
    """Leave the *program* running, with its pipes open, and collect its exit code when it ends."""
    import threading  # noqa: PLC0415 - a fresh token does not need it

    threading.Thread(target=program.communicate, daemon=True).start()
