"""What rests while a store is slow: the access token alone, closed, and only as long as the store stays as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import environment, fresh_token, runtime
from tests.kept import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

KEYRING = "keyring"
TOKEN = "a-made-up-access-token"


@pytest.fixture
def folder(world: World) -> Path:
    """Return the folder of an account whose secrets are in a keyring, and whose access token rests."""
    account = invent()
    folder = Path(account.folder)
    cache = json.loads((folder / "cache.json").read_text())
    (folder / "cache.json").unlink()
    profile = json.loads((folder / "profile.json").read_text())
    (folder / "profile.json").write_text(json.dumps({**profile, "store": KEYRING}))
    touch(folder)
    ((key, entry),) = cache["AccessToken"].items()
    runtime.write(str(folder), seen(folder), entry, key)
    return folder


def touch(folder: Path) -> None:
    """Do to the store's witness what a write does."""
    beside = folder / "beside"
    beside.write_text("{}")
    beside.chmod(0o600)
    beside.replace(folder / "keyring.json")


def seen(folder: Path) -> tuple[int, ...]:
    """Return the store's generation."""
    found = runtime.generation(runtime.witness(str(folder), KEYRING))
    assert found is not None
    return found


def resting(world: World) -> list[Path]:
    """Return all files in the runtime folder."""
    return [path for path in Path(world.environ["XDG_RUNTIME_DIR"]).rglob("*") if path.is_file()]


def test_a_resting_token_is_found_at_once(world: World, folder: Path) -> None:
    """The fast way and any reader get it without the store; a profile that forbids it gets nothing."""
    found = fresh_token.find(ALICE)
    profile = json.loads((folder / "profile.json").read_text())
    (folder / "profile.json").write_text(json.dumps({**profile, "runtime_cache": False}))

    assert found == TOKEN
    assert fresh_token.find(ALICE) is None


def test_only_the_access_token_rests(world: World, folder: Path) -> None:
    """One closed file in a closed folder, and no refresh token in it."""
    (file,) = resting(world)

    text = file.read_text()

    assert TOKEN in text
    assert "RefreshToken" not in text
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_it_counts_until_the_store_changes(world: World, folder: Path) -> None:
    """A write to the store by anybody, or its end, makes what rests worthless."""
    touch(folder)
    after_a_write = fresh_token.find(ALICE)
    (folder / "keyring.json").unlink()

    assert after_a_write is None
    assert fresh_token.find(ALICE) is None


def test_forgetting_leaves_nothing(world: World, folder: Path) -> None:
    """What rested is gone, and forgetting it again is no error."""
    runtime.forget(str(folder))
    runtime.forget(str(folder))

    assert resting(world) == []
    assert fresh_token.find(ALICE) is None


def open_the_top(top: Path, file: Path) -> None:
    """Let others into the session's folder."""
    top.chmod(0o755)


def open_the_folder(top: Path, file: Path) -> None:
    """Let others into ours."""
    file.parent.chmod(0o750)


def open_the_file(top: Path, file: Path) -> None:
    """Let others read it."""
    file.chmod(0o640)


def link_the_file(top: Path, file: Path) -> None:
    """Put a link in its place."""
    file.rename(top / "elsewhere")
    file.symlink_to(top / "elsewhere")


def link_the_folder(top: Path, file: Path) -> None:
    """Put a link in our folder's place."""
    file.parent.rename(top / "elsewhere")
    file.parent.symlink_to(top / "elsewhere")


def damage(top: Path, file: Path) -> None:
    """Cut it off."""
    file.write_text(file.read_text()[:100])


def nest(top: Path, file: Path) -> None:
    """Make it something else."""
    file.write_text("[" * 100_000)


@pytest.mark.parametrize(
    "spoil", [open_the_top, open_the_folder, open_the_file, link_the_file, link_the_folder, damage, nest]
)
def test_what_is_not_safe_does_not_count(world: World, folder: Path, spoil: Callable[[Path, Path], None]) -> None:
    """A folder or file that others can reach, a link, or garbage: nothing is read from it, and nothing fails."""
    (file,) = resting(world)
    top = Path(world.environ["XDG_RUNTIME_DIR"])

    spoil(top, file)

    assert fresh_token.find(ALICE) is None


def test_without_a_folder_of_the_session_nothing_rests(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never a folder for everybody such as /tmp, and not having one is no error."""
    runtime.forget(str(folder))
    monkeypatch.setattr(environment, "runtime_folders", lambda: ["/tmp", "/nonexistent"])

    runtime.write(str(folder), seen(folder), {"secret": "x"}, "key")

    assert runtime.read(str(folder), KEYRING) is None
    assert resting(world) == []


def test_a_relative_folder_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The specification wants an absolute path; systemd's own place comes second."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")

    assert environment.runtime_folders() == [f"/run/user/{os.geteuid()}"]


def test_forgetting_takes_what_a_killed_writer_left(world: World, folder: Path) -> None:
    """A token in a temporary file, of a writer killed before its last step, goes too; another account's stays."""
    (mine,) = resting(world)
    killed = mine.with_name(f"{mine.name}.4711.0123abcd.tmp")
    killed.write_bytes(mine.read_bytes())
    other = mine.with_name("0" * 64 + ".json")
    other.write_text("{}")

    runtime.forget(str(folder))

    assert resting(world) == [other]
