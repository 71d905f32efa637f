"""
Many processes of our command at once, and what became of them.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.signed_in_accounts import ALICE
from tests.world import PATIENCE, Outcome, child_environ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.world import World

#: A whole storm may take as long, in seconds: on a small machine two hundred processes take ten.
STORM = 4 * PATIENCE


def sizes(short: int, long: int) -> pytest.MarkDecorator:
    """Let a test run with a *number* that is *short*, and with --long one that is *long*."""
    limit = pytest.mark.timeout(3600)
    return pytest.mark.parametrize("number", [short, pytest.param(long, marks=[pytest.mark.long, limit])])


def start(world: World, command: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start *command*, else one that wants a token."""
    command = command or (*world.command, "token", ALICE)
    return subprocess.Popen(
        command,
        env=child_environ(command, world.environ),
        cwd=world.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Outcome:
    """Wait until *process* has ended."""
    out, err = process.communicate(timeout=STORM)
    return Outcome(process.returncode, out, err)


def at_once(world: World, number: int, *others: Sequence[str]) -> list[Outcome]:
    """Run a *number* of processes that want a token, and the commands *others*; return what became of each."""
    processes = [start(world, other) for other in others] + [start(world) for _ in range(number)]
    return [finish(process) for process in processes]


def litter(folder: str) -> list[str]:
    """Return what lies in an account's folder and does not belong there."""
    belongs = {"cache.json", "profile.json", "state.json", "lock"}
    return sorted(set(os.listdir(folder)) - belongs)  # noqa: PTH208 - names are what is compared
