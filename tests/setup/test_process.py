"""Processes of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.setup import process
from tests.setup.report import StepError

ROOT = Path(__file__).resolve().parents[2]
#: A server as a dying test leaves it: its parent is gone, and it has a session of its own.
LEAVE_BEHIND = """
import subprocess
from tests.setup import process
process.adopt_orphans()
process.run(["sh", "-c", "setsid sleep 600 & exit 0"], environ={"PATH": "/usr/bin:/bin"})
print(process.end_children(), process.children())
"""


def test_what_is_left_behind_is_named_and_ended() -> None:
    """A program whose parent has ended is found, named and ended, also in a session of its own."""
    command = [sys.executable, "-c", LEAVE_BEHIND]

    answer = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True, timeout=60)

    assert answer.stdout == "['sleep'] {}\n"


def test_output_of_a_failure() -> None:
    """A command that fails raises what it wrote, on both streams."""
    command = ["sh", "-c", "echo one; echo two >&2; exit 3"]

    with pytest.raises(StepError) as failure:
        process.run(command, environ={"PATH": "/usr/bin:/bin"})

    assert str(failure.value) == "one\ntwo\n"


def test_time_out() -> None:
    """A command that does not end is ended."""
    command = ["sh", "-c", "echo waiting; sleep 600"]

    with pytest.raises(StepError) as failure:
        process.run(command, environ={"PATH": "/usr/bin:/bin"}, timeout=0.5)

    assert "waiting" in str(failure.value)
    assert "did not end within" in str(failure.value)
