"""Where the store is, and whether another user could replace it: contract §4."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths, safe_file
from tests import in_process
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World


def mode(path: Path) -> int:
    """Return the permissions of *path*."""
    return path.stat().st_mode & 0o777


@settings(database=None, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_is_urllib_s(name: str) -> None:
    """A folder's name is what urllib.parse.quote makes of the account's, apart from a leading dot and great length."""
    plain = quote(unicodedata.normalize("NFC", name).strip().lower(), safe="@+-_.")

    result = paths.quoted(name)

    assert result == plain or plain.startswith(".") or len(plain) > 200
    assert not result.startswith(".")
    assert "/" not in result
    assert len(result) <= 214


def test_names_that_are_not_ascii_or_long() -> None:
    """Both forms of an accent are one account, bytes that are no text are no traceback, and long names differ."""
    one, other = paths.quoted("a" * 250 + "1@example.org"), paths.quoted("a" * 250 + "2@example.org")

    assert paths.quoted("Andre\u0301@example.org") == "andr%C3%A9@example.org"  # as macOS writes an accent (NFD)
    assert paths.quoted("andr\u00e9@example.org") == "andr%C3%A9@example.org"
    assert paths.quoted("\udcff@example.org") == "%ED%B3%BF@example.org"  # bytes of a command line, not UTF-8
    assert len(one) == 150 + 64
    assert one[:150] == other[:150] == "a" * 150
    assert one != other


def test_the_home_is_where_the_variable_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """``OFFLINEIMAP_M365_HOME`` may begin with ``~``; relative it is 78; unset, the user's data directory counts."""
    by_default = paths.directory()
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", "~/mine/../here")
    named = paths.directory()
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", "here")
    with pytest.raises(errors.Misconfigured, match="not an absolute path: here"):
        paths.directory()
    for name, value in (("OFFLINEIMAP_M365_HOME", ""), ("XDG_DATA_HOME", ""), ("HOME", "~nobody-of-this-name")):
        monkeypatch.setenv(name, value)
    with pytest.raises(errors.Misconfigured, match="has no home directory"):
        paths.directory()

    assert by_default == f"{world.environ['XDG_DATA_HOME']}/offlineimap-m365"
    assert named == f"{world.environ['HOME']}/here"


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_what_is_made_is_closed_whatever_the_umask(world: World, umask: int) -> None:
    """Directories are 0700 and files 0600 under every umask."""
    before = os.umask(umask)
    try:
        invent()
    finally:
        os.umask(before)

    result = [world.home, *world.home.rglob("*")]
    assert {mode(path) for path in result if path.is_dir()} == {0o700}
    assert {mode(path) for path in result if path.is_file()} == {0o600}
    assert profiles.get(ALICE).name == ALICE


@pytest.mark.parametrize("name", [".", "..", "../.."])
def test_directories_that_others_could_read_are_closed(world: World, heard: list[str], name: str) -> None:
    """A directory of the store that others could read is closed, with one line that says so, once."""
    path = Path(os.path.normpath(Path(invent().folder) / name))
    path.chmod(mode(path) | 0o055)

    for _ in range(2):
        profiles.get(ALICE)

    assert mode(path) == 0o700
    assert heard == [f"{path} could be read by others and was closed"]


@pytest.mark.parametrize(
    ("name", "command", "bits"),
    [
        ("profile.json", "chmod -R go= {path}", 0o020),
        (".", "chmod -R go= {home}", 0o002),
        ("..", "chmod -R go= {home}", 0o002),
        ("../..", "chmod -R go= {home}", 0o020),
        ("../../..", "chmod go-w {path}", 0o020),
        ("../../..", "chmod go-w {path}", 0o002),
    ],
)
def test_what_others_may_write_is_refused(
    world: World, name: str, command: str, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that others may write is 78, with the command that repairs it; nothing is changed before."""
    monkeypatch.setattr(safe_file, "_is_private_group", lambda _: False)
    path = Path(os.path.normpath(Path(invent().folder) / name))
    path.chmod(mode(path) | bits)
    world.home.chmod(mode(world.home) | 0o011)

    with pytest.raises(errors.Misconfigured, match=f"Others may write to {path}") as caught:
        profiles.get(ALICE)

    assert caught.value.remedy.command == command.format(path=path, home=world.home)
    assert mode(path) & bits
    assert name == "profile.json" or mode(world.home) & 0o011


@pytest.mark.parametrize("user", [0, 1])
def test_another_user_s_store_is_refused(world: World, monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """Root in a user's store is 78 and told to be that user; so is every other user. Nothing is made or changed."""
    invent()
    world.home.chmod(0o755)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user and mine + user)

    for act in (lambda: profiles.get(ALICE), lambda: paths.make(paths.folder("bob@example.org"))):
        with pytest.raises(errors.Misconfigured, match=f"belongs to user id {mine}") as caught:
            act()

    assert user or "without sudo" in caught.value.remedy.advice
    assert mode(world.home) == 0o755
    assert len(list((world.home / "accounts").iterdir())) == 1


@pytest.mark.parametrize("make", [False, True])
def test_a_directory_that_is_no_store_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch, make: bool) -> None:
    """A home directory or any other directory with files is 78: it is neither closed nor written to."""
    other = world.root / "other"
    other.mkdir(0o755)
    (other / "file").touch()
    other.chmod(0o755)
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", str(other))

    with pytest.raises(errors.Misconfigured, match=f"{other} is not a directory of this program") as caught:
        paths.make(paths.folder(ALICE)) if make else profiles.load(ALICE)

    assert "OFFLINEIMAP_M365_HOME" in caught.value.remedy.advice
    assert mode(other) == 0o755
    assert [path.name for path in other.iterdir()] == ["file"]


def test_what_becomes_a_store(world: World) -> None:
    """An empty directory is taken, closed, and marked by ``accounts``; a file in its place is 78, with the command."""
    world.home.mkdir(0o755, parents=True)
    world.home.chmod(0o755)
    paths.make(str(world.home))
    modes = mode(world.home), mode(world.home / "accounts")
    (world.home / "accounts").rmdir()
    world.home.rmdir()
    world.home.touch(0o600)

    with pytest.raises(errors.Misconfigured, match=f"{world.home} is not a directory") as caught:
        profiles.load(ALICE)
    with pytest.raises(errors.Misconfigured, match=f"{world.home} is not a directory"):
        profiles.names()

    assert modes == (0o700, 0o700)
    assert caught.value.remedy.command == f"mv {world.home} {world.home}.old"


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/below"])
def test_what_is_no_directory_and_not_ours_is_not_moved_away(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """Where the variable names a device or a file, the remedy is to name a directory."""
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", home)

    with pytest.raises(errors.Misconfigured, match="/dev/null is not a directory") as caught:
        paths.check()

    assert (caught.value.remedy.command, "OFFLINEIMAP_M365_HOME" in caught.value.remedy.advice) == (None, True)


def test_a_directory_that_another_user_made_first_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everybody may make directories (/tmp), one that appears between judging and making is judged as well."""
    shared = world.root / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", f"{shared}/above/home")
    plain = os.mkdir

    def mkdir(path: str, mode: int = 0o777) -> None:
        plain(path, mode)
        if path == f"{shared}/above":
            shared.joinpath("above").chmod(0o777)
            raise FileExistsError

    monkeypatch.setattr(os, "mkdir", mkdir)

    with pytest.raises(errors.Misconfigured, match=f"Others may write to {shared}/above"):
        paths.make(paths.folder(ALICE))


@pytest.mark.parametrize("name", [".", "..", "../.."])
def test_a_directory_that_is_closed_to_its_owner_is_temporary(world: World, name: str) -> None:
    """A directory of the store that cannot be read now is 75, never "not signed in" or "no accounts"."""
    assert os.geteuid() != 0, "these tests cannot fail as root"
    path = Path(os.path.normpath(Path(invent().folder) / name))
    path.chmod(0)

    for act in (lambda: profiles.get(ALICE), *([] if name == "." else [paths.folders])):
        with pytest.raises(errors.Temporary, match="cannot be read now"):
            act()

    path.chmod(0o700)


@pytest.mark.parametrize("name", ["cache.json", "lock"])
def test_a_pipe_in_the_place_of_a_file_is_never_waited_for(world: World, name: str) -> None:
    """A pipe in an account's folder is 78, whether the file is needed or not."""
    path = Path(invent().folder) / name
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)

    done = in_process.run("token", ALICE)

    assert done.code == 78
    assert f"{path} is not a regular file" in done.err


def test_folders_are_those_of_accounts(world: World) -> None:
    """Every folder counts, hidden ones do not, and before the first login there is none."""
    before = paths.folders()
    invent()
    (world.home / "accounts" / ".hidden").mkdir()

    assert before == []
    assert paths.folders() == [paths.folder(ALICE)]
