"""Files are replaced whole, and nothing is left beside them; tokens/test_crash.py looks at each step of a write."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import atomic_file

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    """Return the names in *folder*."""
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """A temporary file of another process goes after a minute, or at once if nobody else can be writing."""
    for name in (".file.1.old.tmp", ".file.2.young.tmp", ".hidden", "file.tmp"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".file.1.old.tmp", times=(time.time() - 61,) * 2)

    atomic_file.write_whole(tmp_path / "file", b"data")
    after_a_write = names(tmp_path)
    with atomic_file.prepared(tmp_path / "file", b"more") as write:
        atomic_file.clean(str(tmp_path))
        write()

    assert after_a_write == [".file.2.young.tmp", ".hidden", "file", "file.tmp"]
    assert names(tmp_path) == [".hidden", "file", "file.tmp"]
    assert (tmp_path / "file").read_bytes() == b"more"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noticed when space is proved, too, and no temporary file remains."""
    (tmp_path / "file").write_bytes(b"before")
    atomic_file.prove_space(str(tmp_path), 10)
    proved = names(tmp_path)
    monkeypatch.setattr(os, "write", mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        atomic_file.write_whole(tmp_path / "file", b"after")
    with pytest.raises(OSError, match="No space left"):
        atomic_file.prove_space(str(tmp_path), 1)

    assert proved == names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"before"


def test_a_file_system_may_sync_no_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so by EINVAL or EOPNOTSUPP, which is no error; any other is one."""
    for number in (errno.EINVAL, errno.EOPNOTSUPP):
        monkeypatch.setattr(os, "fsync", mock.Mock(side_effect=OSError(number, "no")))
        atomic_file.sync(str(tmp_path))
    monkeypatch.setattr(os, "fsync", mock.Mock(side_effect=OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        atomic_file.sync(str(tmp_path))
