"""The entry point: what holds for a command from its first moment on, the fresh token's fast way included."""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import account_lock
from tests.signed_in_accounts import ALICE, invent
from tests.world import PATIENCE

if TYPE_CHECKING:
    from tests.world import World

pytestmark = pytest.mark.matrix


def has_open(pid: int, path: str) -> bool:
    """Has the process opened the file *path*? What it closes meanwhile is left out."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if str(link.readlink()) == path:
                return True
    return False


def test_an_interrupted_wait_is_130(world: World) -> None:
    """Ctrl-C while another process refreshes ends with 130 and without a traceback; nor does the wait leave a core."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))  # as a distribution does that collects cores
    account = invent(life=-10)
    with account_lock.held(account.folder, ALICE):
        process = subprocess.Popen(
            [*world.command, "token", ALICE], env=world.environ, stderr=subprocess.PIPE, text=True
        )
        resource.setrlimit(resource.RLIMIT_CORE, before)
        end = time.monotonic() + PATIENCE
        while not has_open(process.pid, f"{account.folder}/lock"):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        process.send_signal(signal.SIGINT)
        lines = process.communicate(timeout=PATIENCE)[1]

    assert (process.returncode, lines) == (130, "")
