"""Where things lie, and whether others could reach into them: contract §4."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, notices, paths
from tests.kept import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import World


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Return all notices, as they are said."""
    said: list[str] = []
    notices.listen(said.append)
    yield said
    notices.listen(lambda _: None)


def mode(path: Path) -> int:
    """Return the permissions of *path*."""
    return path.stat().st_mode & 0o777


@settings(database=None, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_is_urllib_s(name: str) -> None:
    """A folder's name is what urllib.parse.quote makes of the account's, apart from a leading dot and great length."""
    plain = quote(name.strip().lower(), safe="@+-_.")

    found = paths.quoted(name)

    assert found == plain or plain.startswith(".") or len(plain) > 200
    assert not found.startswith(".")
    assert "/" not in found
    assert len(found) <= 214


def test_a_long_name_keeps_its_beginning() -> None:
    """Over 200 bytes the first 150 are kept, and a SHA-256 tells the rest apart."""
    one, other = paths.quoted("a" * 250 + "1@example.org"), paths.quoted("a" * 250 + "2@example.org")

    assert len(one) == 150 + 64
    assert one[:150] == other[:150] == "a" * 150
    assert one != other


def test_bytes_that_are_no_text_name_nobody() -> None:
    """A name from a command line that is not UTF-8 is no traceback."""
    assert paths.quoted("\udcff@example.org") == "%ED%B3%BF@example.org"


def test_the_home_is_where_the_variable_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """``OFFLINEIMAP_M365_HOME`` may begin with ``~``; relative it is 78; unset, the user's data directory counts."""
    by_default = paths.directory()
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", "~/mine/../here")
    named = paths.directory()
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", "here")

    with pytest.raises(errors.Misconfigured, match="not an absolute path: here"):
        paths.directory()

    assert by_default == f"{world.environ['XDG_DATA_HOME']}/offlineimap-m365"
    assert named == f"{world.environ['HOME']}/here"


def test_nobody_s_home_is_not_the_current_directory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without any home learns what to set; nothing is looked for below the current directory."""
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "~nobody-of-this-name")

    with pytest.raises(errors.Misconfigured, match="has no home directory"):
        paths.directory()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_what_is_made_is_closed_whatever_the_umask(world: World, umask: int) -> None:
    """Directories are 0700 and files 0600 under every umask."""
    before = os.umask(umask)
    try:
        invent()
    finally:
        os.umask(before)

    found = [world.home, *world.home.rglob("*")]
    assert {mode(path) for path in found if path.is_dir()} == {0o700}
    assert {mode(path) for path in found if path.is_file()} == {0o600}
    assert profiles.get(ALICE).name == ALICE


@pytest.mark.parametrize("name", ["profile.json", "cache.json", ".", "..", "../.."])
def test_what_others_could_read_is_closed(world: World, heard: list[str], name: str) -> None:
    """What others could read is closed, with one line that says so, once."""
    path = Path(os.path.normpath(Path(invent().folder) / name))
    path.chmod(mode(path) | 0o044)

    for _ in range(2):
        profiles.get(ALICE)

    assert mode(path) & 0o077 == 0
    assert heard == [f"{path} could be read by others and was closed"]


@pytest.mark.parametrize("name", ["profile.json", "cache.json", "state.json", "lock", ".", "..", "../..", "../../.."])
@pytest.mark.parametrize("bits", [0o020, 0o002])
def test_what_others_may_write_is_refused(world: World, name: str, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that others may write is 78, with the command that repairs it; nothing is repaired silently."""
    monkeypatch.setattr(paths, "_is_private_group", lambda _: False)
    path = Path(os.path.normpath(Path(invent().folder) / name))
    path.touch(0o600)
    path.chmod(mode(path) | bits)

    with pytest.raises(errors.Misconfigured, match=f"Others may write to {path}") as caught:
        profiles.get(ALICE)

    assert caught.value.remedy == f"Run: chmod go-w {path}"
    assert mode(path) & bits


def test_sticky_directories_above_are_allowed(world: World) -> None:
    """A directory such as /tmp, in which nobody can replace what is another's, is no danger."""
    invent()
    above = world.home.parent
    above.chmod(0o1777)

    assert profiles.get(ALICE).name == ALICE


def test_a_private_group_above_is_tolerated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the store the group may write if it is the user's own with nobody else in it."""
    invent()
    world.home.parent.chmod(0o770)
    monkeypatch.setattr(paths, "_is_private_group", lambda gid: gid == world.home.parent.stat().st_gid)

    assert profiles.get(ALICE).name == ALICE


@pytest.mark.parametrize("name", ["profile.json", "cache.json", "state.json", "lock"])
def test_links_in_the_folder_are_refused(world: World, name: str) -> None:
    """A symbolic link inside an account's folder is 78."""
    path = Path(invent().folder) / name
    path.unlink(missing_ok=True)
    path.symlink_to(world.root / "elsewhere")

    with pytest.raises(errors.Misconfigured, match="symbolic link"):
        profiles.get(ALICE)


def test_the_home_may_lie_behind_a_link(world: World) -> None:
    """The home itself may be a symbolic link; where it leads is looked at."""
    invent()
    elsewhere = world.root / "elsewhere"
    world.home.rename(elsewhere)
    world.home.symlink_to(elsewhere)

    assert profiles.get(ALICE).name == ALICE


@pytest.mark.parametrize("above", [False, True])
def test_a_link_that_leads_nowhere_now_is_not_empty(world: World, above: bool) -> None:
    """A home on a disk that is not mounted is 75, never "no accounts"."""
    invent()
    link = world.home.parent if above else world.home
    link.rename(world.root / "elsewhere")
    link.symlink_to(world.root / "unmounted")

    with pytest.raises(errors.Temporary, match=r"leads to .*/unmounted"):
        paths.folders()
    with pytest.raises(errors.Temporary, match=r"leads to .*/unmounted"):
        profiles.get(ALICE)


def test_another_user_s_store_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root in a user's store is 78 and told to be that user; so is every other user."""
    invent()
    mine = os.geteuid()
    for user, remedy in ((0, "no sudo"), (mine + 1, "chown")):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)

        with pytest.raises(errors.Misconfigured, match=f"belongs to user id {mine}") as caught:
            profiles.get(ALICE)

        assert remedy in caught.value.remedy


def test_a_place_below_another_user_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody keeps a store below a directory of somebody else, who could put another one there."""
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    with pytest.raises(errors.Misconfigured, match="above the store, belongs to user id"):
        paths.check(paths.folder(ALICE))


def test_a_home_that_cannot_be_read_is_not_empty(world: World) -> None:
    """A home that cannot be read now is 75, never "no accounts"."""
    assert os.geteuid() != 0, "these tests cannot fail as root"
    invent()
    world.home.chmod(0)

    with pytest.raises(errors.Temporary, match="cannot be read now"):
        paths.folders()
    with pytest.raises(errors.Temporary, match="cannot be read now"):
        profiles.get(ALICE)

    world.home.chmod(0o700)


def test_folders_are_those_of_accounts(world: World) -> None:
    """Every folder counts, hidden ones do not, and before the first login there is none."""
    before = paths.folders()
    invent()
    (world.home / "accounts" / ".hidden").mkdir()

    assert before == []
    assert paths.folders() == [paths.folder(ALICE)]
