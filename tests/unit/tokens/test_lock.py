"""One writer per account, among threads and processes; nobody waits for ever."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.tokens import lock

if TYPE_CHECKING:
    from tests.world import World

NAME = "alice@example.org"

#: Holds the lock, says so, and waits for its end.
HOLDER = """
import sys, time
from offlineimap_m365.tokens import lock
with lock.held(sys.argv[1], "alice@example.org"):
    print("held", flush=True)
    time.sleep(60)
"""
#: Adds one to a number in a file, slowly, many times: without a lock some are lost.
COUNTER = """
import sys, time, pathlib
from offlineimap_m365.tokens import lock
if sys.argv[3] == "no flock":
    import fcntl, errno
    def refuse(*_): raise OSError(errno.ENOLCK, "No locks available")
    fcntl.flock = refuse
path = pathlib.Path(sys.argv[2])
for _ in range(10):
    with lock.held(sys.argv[1], "alice@example.org"):
        found = int(path.read_text())
        time.sleep(0.001)
        path.write_text(str(found + 1))
"""


@pytest.fixture
def without_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a file system that has no flock, as some NFS and Lustre."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def start(world: World, program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a program in another process."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(
        command, env=world.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("manner", ["flock", "no flock"])
def test_processes_take_turns(world: World, tmp_path: Path, manner: str) -> None:
    """Of eight processes one at a time holds the lock, with flock and without."""
    number = tmp_path / "number"
    number.write_text("0")

    processes = [start(world, COUNTER, tmp_path, number, manner) for _ in range(8)]
    codes = []
    for process in processes:
        process.communicate(timeout=60)
        codes.append(process.returncode)

    assert codes == [0] * 8
    assert number.read_text() == "80"
    assert not list(tmp_path.glob(".lock*"))
    assert not (tmp_path / "lock.d").exists()


@pytest.mark.parametrize("manner", ["flock", "no flock"])
def test_threads_take_turns(tmp_path: Path, manner: str, request: pytest.FixtureRequest) -> None:
    """Of sixteen threads one at a time holds the lock."""
    if manner == "no flock":
        request.getfixturevalue("without_flock")
    inside, most = [], []

    def work() -> None:
        with lock.held(str(tmp_path), NAME):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 16


def test_a_busy_lock_is_temporary(world: World, tmp_path: Path) -> None:
    """Who cannot have the lock in time gets 75; a killed holder leaves it free at once."""
    with start(world, HOLDER, tmp_path) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        started = time.monotonic()
        with pytest.raises(errors.Temporary, match="held the lock"), lock.held(str(tmp_path), NAME, 0.3):
            pass
        waited = time.monotonic() - started
        holder.kill()
        holder.wait()

    with lock.held(str(tmp_path), NAME, 1):
        pass

    assert 0.25 < waited < 3


def test_a_busy_thread_is_temporary(tmp_path: Path) -> None:
    """Threads of one process wait no longer than processes."""
    found: list[errors.M365Error] = []

    def work() -> None:
        try:
            with lock.held(str(tmp_path), NAME, 0.1):
                pass
        except errors.Temporary as error:
            found.append(error)

    with lock.held(str(tmp_path), NAME):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert len(found) == 1


def test_the_lock_is_not_a_link(tmp_path: Path) -> None:
    """A symbolic link in the lock's place is not followed."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"), lock.held(str(tmp_path), NAME):
        pass

    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_was_taken_away_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock file that a logout removed between opening and locking locks nothing: the one that is there counts."""
    plain = fcntl.flock
    removed: list[int] = []

    def flock(descriptor: int, operation: int) -> None:
        if not removed:
            (tmp_path / "lock").unlink()
            removed.append(descriptor)
        plain(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with lock.held(str(tmp_path), NAME, 1):
        is_there = (tmp_path / "lock").exists()

    assert removed
    assert is_there


def holder_of(folder: Path, **changes: object) -> Path:
    """Leave a lock directory as a holder without flock has it."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    about = {
        "host": socket.gethostname(),
        "boot": boot.read_text().strip() if boot.exists() else "",
        "pid": os.getpid(),
    }
    (folder / "lock.d").mkdir(exist_ok=True)
    path = folder / "lock.d" / "somebody.json"
    path.write_text(json.dumps(about | changes))
    return path


@pytest.mark.usefixtures("without_flock")
@pytest.mark.parametrize(
    "changes", [{"boot": "an earlier one"}, {"pid": 2**22 + 1}, {"pid": 2**70}], ids=["boot", "dead", "huge"]
)
def test_a_dead_holder_s_directory_is_taken(tmp_path: Path, changes: dict[str, object]) -> None:
    """Without flock, the lock of a process that is dead, or of an earlier boot, is free at once."""
    holder_of(tmp_path, **changes)

    with lock.held(str(tmp_path), NAME, 1):
        held = list((tmp_path / "lock.d").iterdir())

    assert len(held) == 1
    assert held[0].name != "somebody.json"
    assert not (tmp_path / "lock.d").exists()


@pytest.mark.usefixtures("without_flock")
@pytest.mark.parametrize(("age", "is_free"), [(30, False), (300, True)])
@pytest.mark.parametrize("content", ["another host", "nonsense"])
def test_another_machine_s_directory_is_waited_for(tmp_path: Path, age: int, content: str, is_free: bool) -> None:
    """Without flock, the lock of another machine counts for two minutes, since whether it lives cannot be told."""
    path = holder_of(tmp_path, host="elsewhere")
    if content == "nonsense":
        path.write_text("[")
    os.utime(path, (time.time() - age, time.time() - age))

    try:
        with lock.held(str(tmp_path), NAME, 0.2):
            got = True
    except errors.Temporary:
        got = False

    assert got is is_free


@pytest.mark.usefixtures("without_flock")
def test_an_empty_directory_holds_nothing(tmp_path: Path) -> None:
    """Without flock, a holder that was killed while giving back left an empty directory: it is free."""
    (tmp_path / "lock.d").mkdir()

    with lock.held(str(tmp_path), NAME, 1):
        assert len(list((tmp_path / "lock.d").iterdir())) == 1
