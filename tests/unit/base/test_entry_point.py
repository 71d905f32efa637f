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
from tests.signed_in_accounts import ALICE, TOKEN, age, invent, keep
from tests.world import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix

_NO_CORE = ["Max", "core", "file", "size", "0", "0", "bytes"]


@pytest.fixture(autouse=True)
def _cores_allowed(world: World) -> Iterator[None]:
    """Let children begin with core dumps allowed, as a distribution that collects them does."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def core_limit(pid: int) -> list[str]:
    """Return what proc(5) says of a process's core files."""
    rows = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    return next(row.split() for row in rows if row.startswith("Max core file size"))


def open_files(pid: int) -> list[str]:
    """Return the paths of a process's open files; one that is closed meanwhile is left out."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(path.readlink()))
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so: a process needs a moment to begin."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_refresh_leaves_no_core(world: World, entra: Entra) -> None:
    """While the provider is asked for a new token, a crash could not write it to the disk."""
    age(keep(entra), -10)
    entra.delay = PATIENCE

    with subprocess.Popen([*world.command, "refresh"], env=world.environ) as process:
        wait_until(lambda: entra.count(TOKEN) == 1)
        assert core_limit(process.pid) == _NO_CORE
        process.kill()


def test_an_interrupted_wait_is_130(world: World) -> None:
    """Ctrl-C while another process refreshes ends with 130 and without a traceback; nor does the wait leave a core."""
    account = invent(life=-10)
    with account_lock.held(account.folder, ALICE):
        process = subprocess.Popen(
            [*world.command, "token", ALICE], env=world.environ, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: f"{account.folder}/lock" in open_files(process.pid))
        assert core_limit(process.pid) == _NO_CORE
        process.send_signal(signal.SIGINT)
        lines = process.communicate(timeout=PATIENCE)[1]

    assert (process.returncode, lines) == (130, "")
