"""The entry point: what holds for a command from its first moment on, the fresh token's fast way included."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import account_lock
from tests.sign_in import Login, options
from tests.signed_in_accounts import ALICE, age, invent, keep
from tests.world import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """Return a pipe in which nothing has room: who writes to it stays alive until it is read."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for size in (65536, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"\n" * size)
    os.set_blocking(writing, True)
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def core_limit(pid: int) -> list[str]:
    """Return what proc(5) says of a process's core files."""
    rows = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    return next(row.split() for row in rows if row.startswith("Max core file size"))


def wait_for(pid: int, expected: list[str]) -> list[str]:
    """Return what *pid*'s limit becomes: a process needs a moment to begin."""
    end = time.monotonic() + PATIENCE
    while core_limit(pid) != expected and time.monotonic() < end:
        time.sleep(0.02)
    return core_limit(pid)


def test_a_fresh_token_leaves_no_core(world: World, full_pipe: tuple[int, int]) -> None:
    """While a fresh token is handed out, a crash could not write it to the disk."""
    invent()
    reading, writing = full_pipe

    with subprocess.Popen([*world.command, "token", ALICE], env=world.environ, stdout=writing) as process:
        result = wait_for(process.pid, _NO_CORE)
        was_running = process.poll() is None
        os.read(reading, 1 << 20)

    assert was_running
    assert process.returncode == 0
    assert result == _NO_CORE


@pytest.mark.parametrize("command", [["token", ALICE], ["refresh"], ["refresh", ALICE]])
def test_a_refresh_leaves_no_core(world: World, entra: Entra, command: list[str]) -> None:
    """Nor while the provider is asked for a new one."""
    age(keep(entra), -10)
    entra.delay = 2.0

    with subprocess.Popen([*world.command, *command], env=world.environ, stdout=subprocess.DEVNULL) as process:
        result = wait_for(process.pid, _NO_CORE)

    assert process.returncode == 0
    assert result == _NO_CORE


def test_a_login_leaves_no_core(world: World, entra: Entra) -> None:
    """Nor while somebody signs in."""
    with Login(world, ALICE, "--paste", *options(entra)) as login:
        asked = login.address
        result = core_limit(login.pid)

    assert asked
    assert result == _NO_CORE


def test_an_interrupted_wait_is_130(world: World) -> None:
    """Ctrl-C while another process refreshes ends with 130 and without a traceback."""
    account = invent(life=-10)
    with account_lock.held(account.folder, ALICE):
        process = subprocess.Popen(
            [*world.command, "token", ALICE], env=world.environ, stderr=subprocess.PIPE, text=True
        )
        with (Path(account.folder) / "lock").open("rb") as held, pytest.raises(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        wait_for(process.pid, _NO_CORE)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        lines = process.communicate(timeout=PATIENCE)[1]

    assert (process.returncode, lines) == (130, "")
