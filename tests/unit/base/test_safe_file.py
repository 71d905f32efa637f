"""How files are opened: never a wait, never without a limit, never another user's where it must be ours."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors, notices, safe_file

if TYPE_CHECKING:
    from collections.abc import Callable


def bind(name: str) -> None:
    """Make a socket called *name* in the current directory."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)


KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "directory": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "socket": lambda path: bind(path.name),
    "large": lambda path: path.write_bytes(b"x" * 11),
}


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    """A file of the allowed size is read whole."""
    (tmp_path / "file").write_bytes(b"0123456789")

    assert safe_file.read(f"{tmp_path}/file", most_bytes=10) == b"0123456789"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, device, directory or socket, or more than the limit, is 78 at once, with the file's name."""
    monkeypatch.chdir(tmp_path)
    KINDS[kind](tmp_path / "file")

    with pytest.raises(errors.Misconfigured, match=f"{tmp_path}/file (is|cannot)") as caught:
        safe_file.read(f"{tmp_path}/file", most_bytes=10)

    assert caught.value.remedy.command == f"ls -ld {tmp_path}/file"


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    """No file is FileNotFoundError, also below something that is no directory; one that may not be read is 78."""
    (tmp_path / "file").touch(0o000)

    for path in ("missing", "file/below"):
        with pytest.raises(FileNotFoundError):
            safe_file.read(f"{tmp_path}/{path}")
    with pytest.raises(errors.Misconfigured, match=r"file cannot be read \(Permission denied\)"):
        safe_file.read(f"{tmp_path}/file")


def test_what_may_not_be_looked_at_exists(tmp_path: Path) -> None:
    """A path below a closed directory counts as existing; one below a file, or a missing one, does not."""
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(0)

    found = [safe_file.exists(f"{tmp_path}/{path}") for path in ("file", "closed/below", "file/below", "missing")]

    (tmp_path / "closed").chmod(0o700)
    assert found == [True, True, False, False]


def test_a_file_of_ours_is_no_link(tmp_path: Path) -> None:
    """A link in the place of a file of the store is 78."""
    (tmp_path / "target").touch()
    (tmp_path / "file").symlink_to(tmp_path / "target")

    with pytest.raises(errors.Misconfigured, match="symbolic links"):
        safe_file.read(f"{tmp_path}/file", is_ours=True)

    assert safe_file.read(f"{tmp_path}/file") == b""


def test_a_file_of_ours_is_closed(tmp_path: Path) -> None:
    """A file of the store that others may read is closed, and one line says so."""
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o644)

    _, lines = notices.collect(lambda: safe_file.read(f"{tmp_path}/file", is_ours=True))

    assert lines == [f"{tmp_path}/file could be read by others and was closed"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_another_user_s_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the store that belongs to another user is 78."""
    (tmp_path / "file").touch()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    with pytest.raises(errors.Misconfigured, match=f"belongs to user id {mine}"):
        safe_file.read(f"{tmp_path}/file", is_ours=True)


def test_a_private_group_has_nobody_else(subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is private if it is the user's, with their name, no other member, and no other user's primary group."""
    me = SimpleNamespace(pw_name="me", pw_gid=1234, pw_uid=os.geteuid())
    bob, other = SimpleNamespace(pw_name="bob", pw_gid=1234), SimpleNamespace(pw_name="x", pw_gid=5)
    cases: tuple[tuple[list[str], list[object], int, int, str, bool], ...] = (
        ([], [me, other], 0o770, 1234, "me", True),
        (["me"], [me, other], 0o770, 1234, "me", True),
        ([], [other], 0o770, 1234, "me", True),  # a user of a directory service that lists nobody
        (["bob"], [me], 0o770, 1234, "me", False),
        ([], [me, bob], 0o770, 1234, "me", False),
        ([], [me], 0o772, 1234, "me", False),
        ([], [me], 0o770, 1233, "me", False),
        ([], [me], 0o770, 1235, "me", False),
        ([], [me], 0o770, 1234, "users", False),
        ([], [me], 0o770, 4321, "me", False),  # a group without a name
    )
    monkeypatch.setattr(pwd, "getpwuid", lambda _: me)
    for members, users, mode, gid, name, is_private in cases:
        groups = dict.fromkeys((1233, 1234, 1235), SimpleNamespace(gr_name=name, gr_mem=members))
        monkeypatch.setattr(pwd, "getpwall", users.copy)
        monkeypatch.setattr(grp, "getgrgid", groups.__getitem__)
        state = os.stat_result((0o040000 | mode, 0, 0, 0, os.geteuid(), gid, 0, 0, 0, 0))
        with subtests.test(members=members, users=len(users), mode=mode, gid=gid, name=name):
            assert safe_file.others_may_write(state) != is_private
