"""Symbolic links in the store and on the way to it: contract §4."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World


@pytest.mark.parametrize(
    ("name", "leads_somewhere"), [(".", True), ("..", True), ("profile.json", True), ("notes", True), ("lock", False)]
)
def test_links_in_the_store_are_refused(world: World, name: str, leads_somewhere: bool) -> None:
    """A symbolic link in the place of ``accounts``, of an account's folder or in it is 78, with the command."""
    path, target = Path(os.path.normpath(Path(invent().folder) / name)), world.root / "elsewhere"
    path.rename(target) if path.exists() else target.touch()
    path.symlink_to(target)
    if not leads_somewhere:
        target.rename(world.root / "away")

    with pytest.raises(errors.Misconfigured, match=f"{path} is a symbolic link") as caught:
        profiles.get(ALICE)

    assert caught.value.remedy.command == (f"rm {path} && mv {target} {path}" if leads_somewhere else f"rm {path}")


@pytest.mark.parametrize("target", ["{root}/elsewhere", "../elsewhere"])
def test_the_home_may_be_a_link(world: World, target: str) -> None:
    """The home itself may be a symbolic link of the user's; the path that it leads to is judged as well."""
    invent()
    elsewhere = world.home.parent.parent / "elsewhere"
    world.home.rename(elsewhere)
    world.home.symlink_to(target.format(root=world.home.parent.parent))

    account = profiles.get(ALICE)
    elsewhere.parent.chmod(0o702)

    assert account.name == ALICE
    with pytest.raises(errors.Misconfigured, match=f"Others may write to {elsewhere.parent} "):
        profiles.get(ALICE)


def test_a_link_in_a_directory_that_others_may_write_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user could change such a link after it was judged, unless the directory is sticky."""
    invent()
    shared = world.root / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "link").symlink_to(world.home)
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", f"{shared}/link")

    with pytest.raises(errors.Misconfigured, match=f"Others may write to {shared}"):
        profiles.get(ALICE)
    shared.chmod(0o1777)

    assert profiles.get(ALICE).name == ALICE


def test_a_link_of_another_user_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link on the path must belong to the user or to root: its owner can replace it in a sticky directory."""
    invent()
    link = world.root / "link"
    link.symlink_to(world.home)
    plain = os.lstat

    def lstat(path: str) -> os.stat_result:
        state = plain(path)
        return os.stat_result((*state[:4], state.st_uid + 1, *state[5:])) if str(path) == str(link) else state

    monkeypatch.setattr(os, "lstat", lstat)
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", str(link))

    with pytest.raises(errors.Misconfigured, match=f"{link} belongs to user id"):
        profiles.get(ALICE)


def test_links_in_a_circle_are_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that never ends is 78; one through as many links as Linux follows is none."""
    (world.root / "circle").symlink_to("circle")
    (world.root / "link40").symlink_to(world.root)
    for number in range(40):
        (world.root / f"link{number}").symlink_to(f"link{number + 1}")
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", f"{world.root}/link1/new")
    assert paths.check() is False

    for name in ("circle", "link0/new"):
        monkeypatch.setenv("OFFLINEIMAP_M365_HOME", f"{world.root}/{name}")
        for function in (paths.check, paths.folders):
            with pytest.raises(errors.Misconfigured, match="too many symbolic links"):
                function()


@pytest.mark.parametrize("above", [False, True])
def test_a_link_that_leads_to_nothing_is_not_empty(world: World, above: bool) -> None:
    """A home on a disk that is not mounted is 75, never "no accounts"."""
    invent()
    link = world.home.parent if above else world.home
    link.rename(world.root / "elsewhere")
    link.symlink_to(world.root / "unmounted")

    for function in (paths.check, paths.folders):
        with pytest.raises(errors.Temporary, match=r"leads to .*/unmounted"):
            function()
