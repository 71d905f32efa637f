"""The store ``file``: whole or not at all, closed, durable, with room made beforehand."""

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

from offlineimap_m365 import stores
from offlineimap_m365.base import errors
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from tests.world import World

#: Writes for ever, now zeros, now ones, under a reservation.
WRITER = """
import sys
from offlineimap_m365.stores.file import FileStore
kept = FileStore(sys.argv[1])
print("ready", flush=True)
while True:
    for byte in (b"0", b"1"):
        with kept.reserve():
            kept.write(byte * 50_000)
"""


@pytest.fixture
def kept(tmp_path: Path) -> FileStore:
    """Return a store with something in it."""
    made = FileStore(str(tmp_path))
    made.write(b"before")
    return made


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


def test_what_was_written_is_read(kept: FileStore) -> None:
    """The last bytes come back; an empty store gives None, not an error."""
    kept.write(b"after")

    assert kept.read() == b"after"
    kept.delete()
    assert kept.read() is None
    assert kept.generation() is None


def test_a_generation_tells_every_write(kept: FileStore) -> None:
    """Each write has another generation, of the same bytes too."""
    found = [kept.generation()]
    for _ in range(20):
        kept.write(b"before")
        found.append(kept.generation())

    assert all(one != other for one, other in itertools.pairwise(found))


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_file_is_closed(tmp_path: Path, umask: int) -> None:
    """The file has mode 0600 under every umask."""
    before = os.umask(umask)
    try:
        FileStore(str(tmp_path)).write(b"x")
    finally:
        os.umask(before)

    assert (tmp_path / "cache.json").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_found_before_the_request(
    kept: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reservation that gets no room fails as a write would, before anything is asked, and leaves nothing."""
    with monkeypatch.context() as patch:
        refuse(patch, "fsync", errno.ENOSPC)
        with pytest.raises(OSError, match="No space left"), kept.reserve():
            pytest.fail("there was room")

    assert [path.name for path in tmp_path.iterdir()] == ["cache.json"]


def test_a_reservation_is_larger_than_what_comes(kept: FileStore, tmp_path: Path) -> None:
    """The room made is that of the file and 16 kB, and the write uses this very room."""
    with kept.reserve():
        reserved = next(tmp_path.glob(".cache.json.*.tmp"))
        size, inode = reserved.stat().st_size, reserved.stat().st_ino
        kept.write(b"after")

    assert size >= 16_384 + len(b"before")
    assert (tmp_path / "cache.json").stat().st_ino == inode
    assert kept.read() == b"after"


def test_an_unused_reservation_leaves_nothing(kept: FileStore, tmp_path: Path) -> None:
    """Room that was not needed is given back, after a failure too."""
    with pytest.raises(KeyError), kept.reserve():
        raise KeyError

    assert [path.name for path in tmp_path.iterdir()] == ["cache.json"]


def test_litter_of_killed_writers_goes(kept: FileStore, tmp_path: Path) -> None:
    """What a killed writer of any of the account's files left is removed by the next one, and by a logout."""
    for name in ("cache", "profile", "state"):
        (tmp_path / f".{name}.json.1.abcd.tmp").write_bytes(b"secret")
    with kept.reserve():
        after_reserve = len(list(tmp_path.glob(".*")))
    (tmp_path / ".cache.json.2.abcd.tmp").write_bytes(b"secret")
    (tmp_path / "cache.json.broken-20260101T000000Z").write_bytes(b"secret")

    kept.delete()

    assert after_reserve == 1
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_a_whole_file(world: World, tmp_path: Path) -> None:
    """However often a writer is killed, what is there is one of the states it wrote."""
    environ = world.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    folder = tmp_path / "folder"
    folder.mkdir()
    kept = FileStore(str(folder))
    seen = set()
    for round_ in range(8):
        command = [sys.executable, "-c", WRITER, str(folder)]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.02 + round_ * 0.011)
            writer.send_signal(signal.SIGKILL)
        seen.add(kept.read())

    assert seen <= {None, b"0" * 50_000, b"1" * 50_000}
    assert seen - {None}
    with kept.reserve():
        pass
    assert [path.name for path in folder.iterdir()] == ["cache.json"]


def test_a_link_is_not_read(kept: FileStore, tmp_path: Path) -> None:
    """A symbolic link in the file's place is an error, not a way to another file."""
    (tmp_path / "cache.json").rename(tmp_path / "elsewhere")
    (tmp_path / "cache.json").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(errors.Misconfigured, match="symbolic link"):
        kept.read()


def test_directories_that_cannot_be_synced_will_do(kept: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that syncs files but no directories (EINVAL, fsync(2)) is good enough."""
    with monkeypatch.context() as patch:
        refuse(patch, "fsync", errno.EINVAL, after=1)
        kept.write(b"after")

    assert kept.read() == b"after"


def test_a_broken_file_is_moved_not_lost(kept: FileStore, tmp_path: Path) -> None:
    """What is set aside lies beside, with a time in its name."""
    aside = kept.set_aside()

    assert Path(aside).parent == tmp_path
    assert Path(aside).read_bytes() == b"before"
    assert kept.read() is None


def test_another_release_s_store_is_named(tmp_path: Path) -> None:
    """A store that this release does not have is 78."""
    with pytest.raises(errors.Misconfigured, match="the store sqlite"):
        stores.open_store("sqlite", str(tmp_path), "alice@example.org")
