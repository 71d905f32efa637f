"""Moving secrets between stores: what is said, what is remembered, and what is left when a place refuses."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.stores import gpg, selection
from offlineimap_m365.tokens import engine, move_store
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.unit.fake_keyring import FakeKeyring
    from tests.world import World

TOKEN = "a-made-up-access-token"
OTHER = "another-made-up-token"


def files() -> list[str]:
    """Return what lies in Alice's folder, the lock aside."""
    return sorted(set(os.listdir(profiles.get(ALICE).folder)) - {"lock"})  # noqa: PTH208 - names


def test_there_and_back(keys: FakeKeyring, heard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each way the secrets are in one place only, the profile names it, and the next login would choose it.

    ``auto`` becomes the store that works now, and its reason one line.
    """
    monkeypatch.setattr(selection, "_choose", lambda *_: ("keyring", "It answered"))
    invent(chosen={"tenant": "example.org"})

    there = move_store.move(ALICE, "auto")
    chosen, between, held = profiles.get(ALICE).chosen, files(), len(keys.items)
    keys.asked.clear()
    move_store.move(ALICE, "keyring")
    assert keys.asked == [], "where the secrets are already, nothing is read or written"
    back = move_store.move(ALICE, "file")

    assert (there[0].store, there[1], back[0].store, back[1]) == ("keyring", "file", "file", "keyring")
    assert (chosen["store"], chosen["tenant"]) == ("keyring", "example.org")
    assert between == ["keyring.json", "profile.json"]
    assert heard == ["The store is keyring: It answered"]
    assert held == 1
    assert keys.items == {}
    assert files() == ["cache.json", "profile.json"]
    assert engine.access_token(ALICE).value == TOKEN


@pytest.mark.parametrize("trouble", ["gives back something else", "full disk"])
def test_a_new_place_that_fails(keys: FakeKeyring, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    """If the new place or the profile cannot be written, all is as it was, and nothing is in the new place."""
    account = invent()
    with monkeypatch.context() as patch:
        if trouble == "full disk":
            full = OSError(errno.ENOSPC, "No space left on device")
            patch.setattr(profiles, "prepared", mock.Mock(side_effect=full))
        else:
            keys.spoil = lambda secret: secret.replace(TOKEN, OTHER)
        with pytest.raises(errors.M365Error, match=r"does not return|cannot be saved") as caught:
            move_store.move(ALICE, "keyring")

    assert type(caught.value) is (errors.Temporary if trouble == "full disk" else errors.Misconfigured)
    assert profiles.get(ALICE) == account
    assert files() == ["cache.json", "profile.json"]
    assert keys.items == {}
    assert engine.access_token(ALICE).value == TOKEN


@pytest.mark.parametrize("action", ["try", "look", "write", "read"])
def test_a_keyring_that_locks_itself_on_the_way(keys: FakeKeyring, action: str) -> None:
    """Whenever the new place refuses, it is 75, the profile names the old one, and that still has the secrets."""
    account = invent()
    keys.locks_at = action

    with pytest.raises(errors.Temporary, match="locked"):
        move_store.move(ALICE, "keyring")

    keys.is_locked, keys.locks_at = False, ""
    assert profiles.get(ALICE) == account
    assert engine.access_token(ALICE).value == TOKEN
    move_store.move(ALICE, "file")  # removes what the lock kept it from removing
    assert keys.items == {}
    assert files() == ["cache.json", "profile.json"]


def test_an_old_place_that_cannot_be_emptied(keys: FakeKeyring) -> None:
    """The secrets are in the new place then, what is left is said with the command that completes it."""
    invent()
    move_store.move(ALICE, "keyring")
    keys.locks_at = "delete"

    with pytest.raises(errors.Temporary, match="is in the store file now, but the old one cannot be emptied") as caught:
        move_store.move(ALICE, "file")

    assert caught.value.remedy.text.endswith(f"offlineimap-m365 store {ALICE} --to file")
    assert engine.access_token(ALICE).value == TOKEN
    keys.is_locked, keys.locks_at = False, ""
    assert len(keys.items) == 1
    move_store.move(ALICE, "file")
    assert keys.items == {}


def test_another_key_of_gpg_shares_its_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one key to another the file is replaced, not removed; if it cannot be read back, the old one is there."""
    spoilt: list[str] = []
    monkeypatch.setattr(gpg, "resolve", str)
    monkeypatch.setattr(selection, "prove", lambda *_, **__: None)
    monkeypatch.setattr(gpg.GpgStore, "_encrypt", lambda self, data: self.name.encode() + b" " + data)
    monkeypatch.setattr(
        gpg.GpgStore, "_decrypt", lambda self, data: b"?" if self.name in spoilt else data.partition(b" ")[2]
    )
    account = invent()
    path = Path(account.folder) / "cache.json.gpg"
    move_store.move(ALICE, "gpg:ONE")
    first = path.read_bytes()

    move_store.move(ALICE, "gpg:TWO")
    second = path.read_bytes()
    spoilt.append("gpg:THREE")
    with pytest.raises(errors.Misconfigured, match="does not return"):
        move_store.move(ALICE, "gpg:THREE")

    assert (first[:8], second[:8], path.read_bytes()[:8]) == (b"gpg:ONE ", b"gpg:TWO ", b"gpg:TWO ")
    assert profiles.get(ALICE).store == "gpg:TWO"
    assert files() == ["cache.json.gpg", "profile.json"]
    assert engine.access_token(ALICE).value == TOKEN


def test_nobody_to_move(keys: FakeKeyring) -> None:
    """An account that is unknown, signed out, or without secrets is 77, an unknown store 2; no store is changed."""
    with pytest.raises(errors.SignInNeeded):
        move_store.move(ALICE, "keyring")
    account = invent()
    with pytest.raises(errors.WrongUsage, match="file, keyring, gpg:KEY, auto"):
        move_store.move(ALICE, "File")
    profiles.save(dataclasses.replace(account, signed_in_at=None))
    with pytest.raises(errors.SignInNeeded):
        move_store.move(ALICE, "keyring")
    assert keys.asked == []

    profiles.save(account)
    (Path(account.folder) / "cache.json").unlink()
    with pytest.raises(errors.SignInNeeded, match="no longer in its store"):
        move_store.move(ALICE, "keyring")

    assert profiles.get(ALICE).store == "file"
    assert keys.items == {}
