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

#: Run a user's command line by ``[*SHELL, command]``.
SHELL = ("/bin/sh", "-c")
#: Exit codes of a shell or of env(1) that could not start the command (POSIX, "Exit Status for Commands").
NO_SUCH_COMMAND = (126, 127)
#: The values of Result.ended.
ENDED, TIMED_OUT, NOT_STARTED, TOO_MUCH_OUTPUT = "ended", "timed out", "not started", "too much output"
#: Seconds between two checks of the output's size, and whether a program has ended that left its pipes to another one.
_PAUSE = 0.05


class Result:
    """
    What a program did: how it *ended*, its exit *code*, its output *out* and *err*, the *reason* if it was not started.

    *code* is negative for a signal and None unless the program ended by itself.
    """

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
    import threading  # noqa: PLC0415

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
    ended, deadline = "", time.monotonic() + seconds
    data, out, err = stdin or None, b"", b""
    try:
        while not ended:
            has_exited, left = program.poll() is not None, deadline - time.monotonic()
            try:
                out, err = program.communicate(data, min(max(0.0, left), _PAUSE))
                ended = ENDED
            except subprocess.TimeoutExpired as error:
                data, out, err = None, error.output or b"", error.stderr or b""
                if has_exited:  # a program that it started in the background still holds the pipes
                    ended = ENDED
                elif left <= 0:
                    ended = TIMED_OUT
            if len(out or b"") > most_bytes:
                ended = TOO_MUCH_OUTPUT
    finally:
        if ended == TIMED_OUT and keep_running:
            threading.Thread(target=program.communicate, daemon=True).start()
        else:
            if ended != ENDED:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(program.pid, signal.SIGKILL)
            with program:  # closes its pipes, and waits
                pass
    return Result(ended, program.returncode if ended == ENDED else None, out or b"", (err or b"")[-most_bytes:])


def run_in_foreground(argv: Sequence[str]) -> int:
    """
    Run *argv* without limits in this job of the terminal, and return its exit code; it prints to standard error.

    Ctrl-C and the end of the terminal reach it, too, and it is killed if this call is interrupted.
    """
    import subprocess  # noqa: PLC0415 - a fresh token does not need it

    return subprocess.call(list(argv), stdin=subprocess.DEVNULL, stdout=2, env=environment.for_child())
