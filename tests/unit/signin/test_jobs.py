"""A terminal that other jobs of a shell use, too."""

from __future__ import annotations

import contextlib
import os
import pty
import sys


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
