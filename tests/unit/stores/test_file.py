"""The store ``file``: replaced whole, closed to others, durable (tests/unit/tokens/test_crash.py stops each write)."""

from __future__ import annotations

import errno
import itertools
import os
import time
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import atomic_file, errors
from offlineimap_m365.stores import file
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """Return a store that was written to."""
    store = FileStore(str(tmp_path))
    store.write(b"before")
    return store


def names(folder: Path) -> list[str]:
    """Return the names of all files in *folder*."""
    return sorted(path.name for path in folder.iterdir())


def test_each_write_has_another_generation(store: FileStore) -> None:
    """Each write changes the generation, also with the same bytes; a deleted file has none."""
    generations = [store.generation()]
    for _ in range(5):
        store.write(b"before")
        generations.append(store.generation())
    store.delete()

    assert all(one != other for one, other in itertools.pairwise(generations))
    assert (store.generation(), store.read()) == (None, None)


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_file_is_closed(tmp_path: Path, umask: int) -> None:
    """The file has mode 0600 under every umask; one that others may write is refused, and so is a giant."""
    before = os.umask(umask)
    try:
        store = FileStore(str(tmp_path))
        store.write(b"x")
    finally:
        os.umask(before)
    path = tmp_path / "cache.json"

    assert path.stat().st_mode & 0o777 == 0o600
    with mock.patch.object(file, "_MOST_BYTES", 0), pytest.raises(errors.Misconfigured):
        store.read()
    path.chmod(0o602)
    with pytest.raises(errors.Misconfigured):
        store.read()


def test_a_full_disk_is_found_before_a_sign_in(store: FileStore, tmp_path: Path) -> None:
    """A full disk fails the proof as it fails a write; the last state remains, without temporary files."""
    full = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch.object(os, "fsync", side_effect=full):
        with pytest.raises(OSError, match="No space left"):
            store.write(b"after")
        with pytest.raises(OSError, match="No space left"):
            atomic_file.prove_space(str(tmp_path), 100)

    assert names(tmp_path) == ["cache.json"]
    assert store.read() == b"before"


def test_directories_that_cannot_be_synced_are_accepted(store: FileStore) -> None:
    """A file system that syncs files but no directories (EINVAL, fsync(2)) is good enough."""
    with mock.patch.object(os, "fsync", side_effect=[None, OSError(errno.EINVAL, "Invalid argument")]) as fsync:
        store.write(b"after")

    assert fsync.call_count == 2
    assert store.read() == b"after"


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
