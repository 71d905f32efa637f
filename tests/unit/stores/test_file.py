"""The store ``file``: replaced whole, closed to others, durable."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import atomic_file, errors
from offlineimap_m365.stores import selection
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from tests.world import World

#: Writes without end, now zeros, now ones.
WRITER = """
import sys
from offlineimap_m365.stores.file import FileStore
store = FileStore(sys.argv[1])
print("ready", flush=True)
while True:
    for byte in (b"0", b"1"):
        store.write(byte * 50_000)
"""


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """Return a store that was written to."""
    store = FileStore(str(tmp_path))
    store.write(b"before")
    return store


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, number: int, *, after: int = 0) -> None:
    """Let the system call *name* fail with the error *number* from the call *after* on: no disk can be filled here."""
    plain = getattr(os, name)
    calls: list[int] = []

    def fail(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) > after:
            raise OSError(number, os.strerror(number))
        return plain(*arguments, **options)

    monkeypatch.setattr(os, name, fail)


def names(folder: Path) -> list[str]:
    """Return the names of all files in *folder*."""
    return sorted(path.name for path in folder.iterdir())


def test_each_write_has_another_generation(store: FileStore) -> None:
    """Each write changes the generation, also with the same bytes; a deleted file has none."""
    generations = [store.generation()]
    for _ in range(20):
        store.write(b"before")
        generations.append(store.generation())
    store.delete()

    assert all(one != other for one, other in itertools.pairwise(generations))
    assert store.generation() is None
    assert store.read() is None


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_file_is_closed(tmp_path: Path, umask: int) -> None:
    """The file has mode 0600 under every umask."""
    before = os.umask(umask)
    try:
        FileStore(str(tmp_path)).write(b"x")
    finally:
        os.umask(before)

    assert (tmp_path / "cache.json").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_found_and_nothing_is_left(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk fails the write and the proof before a sign-in; the last state remains, without temporary files."""
    with monkeypatch.context() as patch:
        refuse(patch, "fsync", errno.ENOSPC)
        with pytest.raises(OSError, match="No space left"):
            store.write(b"after")
        with pytest.raises(OSError, match="No space left"):
            atomic_file.prove_space(str(tmp_path), 100)

    assert names(tmp_path) == ["cache.json"]
    assert store.read() == b"before"


def test_temporary_files_of_killed_writers_are_removed(store: FileStore, tmp_path: Path) -> None:
    """The next writer removes what killed writers of the account left, and a logout also release 0.1.0's files."""
    for name in ("cache", "profile", "state"):
        (tmp_path / f".{name}.json.1.abcd.tmp").write_bytes(b"secret")
    store.write(b"after")
    after_write = names(tmp_path)
    (tmp_path / ".cache.json.2.abcd.tmp").write_bytes(b"secret")
    (tmp_path / "cache.json.broken-20260101T000000Z").write_bytes(b"secret")

    store.delete()

    assert after_write == ["cache.json"]
    assert names(tmp_path) == []


def test_a_temporary_file_outside_an_account_is_removed_after_a_minute(tmp_path: Path) -> None:
    """Without a lock only a temporary file older than a minute is of a process that was killed."""
    for name, age in ((".stub.py.1.abcd.tmp", 61), (".stub.py.2.abcd.tmp", 5)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))

    atomic_file.write_whole(tmp_path / "stub.py", b"x")

    assert names(tmp_path) == [".stub.py.2.abcd.tmp", "stub.py"]


def test_a_killed_writer_leaves_a_whole_file(world: World, tmp_path: Path) -> None:
    """However often a writer is killed, the file holds one of the states it wrote."""
    environ = world.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    folder = tmp_path / "folder"
    folder.mkdir()
    store = FileStore(str(folder))
    seen = set()
    for number in range(8):
        command = [sys.executable, "-c", WRITER, str(folder)]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.02 + number * 0.011)
            writer.send_signal(signal.SIGKILL)
        seen.add(store.read())

    assert seen <= {None, b"0" * 50_000, b"1" * 50_000}
    assert seen - {None}
    store.write(b"")
    assert names(folder) == ["cache.json"]


def test_directories_that_cannot_be_synced_are_accepted(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that syncs files but no directories (EINVAL, fsync(2)) is good enough."""
    with monkeypatch.context() as patch:
        refuse(patch, "fsync", errno.EINVAL, after=1)
        store.write(b"after")

    assert store.read() == b"after"


def test_an_unknown_store_is_named(tmp_path: Path) -> None:
    """A store that this release does not have is 78."""
    for name in ("sqlite", "gpg", "gpg:", "auto"):
        with pytest.raises(errors.Misconfigured, match=f"no store {name}"):
            selection.open_store(name, str(tmp_path), "alice@example.org")
