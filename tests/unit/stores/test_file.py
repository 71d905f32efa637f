"""The store ``file``: replaced whole, closed to others, durable (tokens/test_crash.py looks at each step of it)."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import errors
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
