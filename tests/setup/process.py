"""
Processes of a run: started with an environment of their own, as the ordinary user, and all ended at the end.

The run makes itself the reaper of its descendants (prctl(2), PR_SET_CHILD_SUBREAPER), so that a server that a
dying test leaves behind becomes our child and can be named and ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.setup.report import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.setup.user import User

#: <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36
#: Long enough for a server to remove its sockets, short enough for whoever pressed Ctrl-C.
_GRACE_SECONDS = 3.0


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    user: User | None = None,
    timeout: float = 1800,
) -> str:
    """
    Run *command* to its end without standard input and return all it wrote.

    *user* None means: as whoever started the run. *timeout* is in seconds. The output goes through a file,
    since a daemon that keeps a pipe open would let us wait for ever.

    Raises: StepError, with the output, unless the command exits with 0 in time.
    """
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=cwd or "/",
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            umask=0o022,
            start_new_session=True,
        ) as child:
            code = _wait(child, timeout)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if code is None:
        raise StepError(f"{text}\n{Path(command[0]).name} did not end within {timeout:.0f} s")
    if code:
        raise StepError(text or f"{Path(command[0]).name} exited with {code}")
    return text


def _wait(child: subprocess.Popen[bytes], timeout: float) -> int | None:
    """Return the exit code of *child*, or None when it had to be ended."""
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(child.pid, signal.SIGKILL)
        return None
    except KeyboardInterrupt:
        _end(child.pid, signal.SIGTERM)
        raise


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> dict[int, str]:
    """Return pid and name of each living child of ours, the adopted ones included."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            name, state, parent = _stat(entry)
            if parent == os.getpid() and state not in "ZX":
                found[int(entry.name)] = name
    return found


def _stat(entry: Path) -> tuple[str, str, int]:
    """Return name, state and parent of a process (proc(5); the name may hold spaces and brackets)."""
    try:
        before, _, after = (entry / "stat").read_text("utf-8", "replace").rpartition(")")
    except OSError:
        return "", "X", 0
    state, parent = after.split()[:2]
    return before.partition("(")[2], state, int(parent)


def end_children() -> list[str]:
    """End what is still there, first kindly, and return the names of what did not go by itself."""
    stubborn: list[str] = []
    _await_end(_GRACE_SECONDS / 3)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        alive = children()
        stubborn = stubborn or sorted(alive.values())
        for pid in alive:
            _end(pid, sign)
        _await_end(_GRACE_SECONDS)
    return stubborn


def _await_end(seconds: float) -> None:
    """Wait until no child is left, *seconds* at most; what a child leaves becomes ours meanwhile."""
    deadline = time.monotonic() + seconds
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)


def _end(pid: int, sign: signal.Signals) -> None:
    """Send *sign* to the group that *pid* leads, or to *pid* alone when it leads none."""
    try:
        os.killpg(pid, sign)
    except ProcessLookupError:
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
