"""Which store is used, and what moving and forgetting leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import atomic_file, errors, paths
from offlineimap_m365.stores import gpg, selection
from offlineimap_m365.stores.file import FileStore
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from tests.unit.fake_keyring import FakeKeyring
    from tests.world import World


@pytest.fixture
def folder(world: World) -> str:
    """Return the folder of alice, with a file of each store in it."""
    folder = paths.folder(ALICE)
    paths.make(folder)
    for name in ("cache.json", "cache.json.gpg", "keyring.json"):
        Path(folder, name).write_bytes(b"{}")
    return folder


@pytest.mark.parametrize(
    ("but", "left"),
    [("", []), ("file", ["cache.json"]), ("gpg:ABC", ["cache.json.gpg"]), ("keyring", ["keyring.json"])],
)
@pytest.mark.usefixtures("keys")
def test_all_stores_but_one_are_emptied(folder: str, but: str, left: list[str]) -> None:
    """Each has its file removed; all keys of gpg share one."""
    error = selection.empty(folder, ALICE, but=but)

    assert error is None
    assert sorted(path.name for path in Path(folder).iterdir()) == left


def test_a_store_that_cannot_be_emptied_hides_no_other(folder: str, keys: FakeKeyring) -> None:
    """The first error is returned after all were tried."""
    keys.is_locked = True

    error = selection.empty(folder, ALICE)

    assert isinstance(error, errors.Temporary)
    assert [path.name for path in Path(folder).iterdir()] == ["keyring.json"]


@pytest.mark.parametrize(
    ("over_ssh", "locked", "store"), [(False, False, "keyring"), (False, True, "file"), (True, False, "file")]
)
def test_what_auto_means(
    folder: str, keys: FakeKeyring, monkeypatch: pytest.MonkeyPatch, *, over_ssh: bool, locked: bool, store: str
) -> None:
    """A keyring that works without a question, else the file, with a reason; over ssh no keyring is asked."""
    keys.is_locked = locked
    if over_ssh:
        monkeypatch.setenv("SSH_CONNECTION", "x")

    name, reason = selection.settle("auto", folder, ALICE)

    assert name == store
    assert reason != ""
    assert keys.asked == ([] if over_ssh else ["try"])
    assert ALICE not in reason


def test_a_word_that_is_a_store() -> None:
    """It is taken as it is; any other is wrong usage."""
    assert [selection.settle(word, "/nonexistent", ALICE)[0] for word in ("file", "keyring")] == ["file", "keyring"]
    for other in ("drawer", "gpg:"):
        with pytest.raises(errors.WrongUsage):
            selection.settle(other, "/nonexistent", ALICE)


def test_what_is_not_returned_is_undone(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that returns something else, or fails, is left as undo() leaves it, and the error is raised."""
    undone: list[int] = []
    store = FileStore(folder)
    selection.put(store, b"good", ALICE, lambda: undone.append(0))
    for spoilt in (b"a", b"z"):
        monkeypatch.setattr(FileStore, "read", lambda _, spoilt=spoilt: spoilt)
        with pytest.raises(errors.Misconfigured):
            selection.put(store, b"new", ALICE, lambda: undone.append(1))

    assert undone == [1, 1]


def test_which_class_a_name_opens(folder: str) -> None:
    """Each store has its name back, and its file; one that this release does not have is 78."""
    for name in ("file", "keyring", "gpg:ABC"):
        assert selection.open_store(name, folder, ALICE).name == name
    assert [selection.kind(name) for name in ("file", "gpg:ABC")] == ["file", "gpg"]
    for name in ("sqlite", "gpg", "gpg:", "auto"):
        with pytest.raises(errors.Misconfigured, match=f"no store {name}"):
            selection.open_store(name, folder, ALICE)


@pytest.mark.parametrize(("store", "proved"), [("file", []), ("keyring", ["try"]), ("gpg:ABC", ["ABC"])])
@pytest.mark.parametrize("has_folder", [True, False])
def test_a_proof_leaves_nothing(  # noqa: PLR0917 - fixtures and the columns of a table
    world: World, keys: FakeKeyring, monkeypatch: pytest.MonkeyPatch, store: str, proved: list[str], has_folder: bool
) -> None:
    """Space is proved where the account is or will be, and a store that can refuse is tried."""
    folder = paths.folder(ALICE)
    if has_folder:
        paths.make(folder)
    space = mock.Mock()
    monkeypatch.setattr(atomic_file, "prove_space", space)
    monkeypatch.setattr(gpg.GpgStore, "prove", lambda self: keys.asked.append(self.name.removeprefix(gpg.PREFIX)))

    selection.prove(store, folder, ALICE)

    space.assert_called_once_with(folder if has_folder else str(world.home / "accounts"), 65_536)
    assert keys.asked == proved
    assert keys.items == {}
