"""Forgetting a sign-in: everywhere, also beside a refresh or another login."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths
from offlineimap_m365.tokens import engine, logout, move_store
from tests.signed_in_accounts import ALICE, TOKEN, invent
from tests.unit.tokens.test_concurrency import one_who_waits

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from tests.m365.entra import Entra
    from tests.unit.fake_keyring import FakeKeyring
    from tests.world import World


def test_a_store_that_cannot_be_written_is_78(world: World) -> None:
    """A sign-in that could not be removed is said so."""
    assert os.geteuid() != 0, "these tests cannot fail as root"
    account = invent()
    Path(account.folder).chmod(0o500)

    with pytest.raises(errors.Misconfigured, match="cannot be saved"):
        logout.sign_out(ALICE, everything=False)

    Path(account.folder).chmod(0o700)


@pytest.mark.parametrize("everything", [False, True])
def test_a_refresh_that_waited_for_a_logout_does_nothing(entra: Entra, expired: Account, everything: bool) -> None:
    """Who waited for the lock while somebody signed out gets 77; nothing is asked, nothing comes back."""
    with one_who_waits(expired) as outcome:
        logout._forget(ALICE, expired.folder, everything=everything)  # noqa: SLF001 - what sign_out does when it has it

    assert [type(error) for error in outcome] == [errors.SignInNeeded]
    assert entra.count(TOKEN) == 0
    assert not (Path(expired.folder) / "cache.json").exists()


def test_a_logout_waits_for_a_refresh(entra: Entra, expired: Account) -> None:
    """A logout in the midst of a refresh comes after it, and leaves no token."""
    entra.delay = 0.1
    refresher = threading.Thread(target=engine.access_token, args=[ALICE])
    refresher.start()
    while entra.count(TOKEN) == 0:
        time.sleep(0.01)

    logout.sign_out(ALICE, everything=False)
    refresher.join()

    assert not (Path(expired.folder) / "cache.json").exists()
    with pytest.raises(errors.SignInNeeded):
        engine.access_token(ALICE)


def test_every_place_is_emptied(world: World, keys: FakeKeyring) -> None:
    """Secrets in stores that the profile does not name, set aside or half written: all go, what was chosen stays."""
    account = invent(chosen={"tenant": "example.org"})
    move_store.move(ALICE, "keyring")
    folder = Path(account.folder)
    litter = ["cache.json", "cache.json.gpg", "cache.json.broken-20260101T000000Z", "cache.json.gpg.broken-2026"]
    for name in [*litter, ".cache.json.1.ab.tmp", ".cache.json.gpg.1.ab.tmp", ".keyring.json.1.ab.tmp"]:
        (folder / name).write_text("a-made-up-token")

    done = logout.sign_out(ALICE, everything=False)

    assert done
    assert keys.items == {}
    assert "made-up" not in world.text_of_all_files()
    assert {path.name for path in folder.iterdir()} == {"lock", "profile.json", "state.json"}
    assert profiles.get(ALICE).chosen == {"tenant": "example.org", "store": "keyring"}
    with pytest.raises(errors.SignInNeeded, match="is not signed in"):
        engine.access_token(ALICE)


@pytest.mark.parametrize("everything", [False, True])
def test_a_place_that_cannot_be_emptied_is_said(world: World, keys: FakeKeyring, everything: bool) -> None:
    """All others are emptied, nobody counts as signed in, and what leads to the rest stays for the next try."""
    account = invent()
    move_store.move(ALICE, "keyring")
    engine.access_token(ALICE)
    (Path(account.folder) / "cache.json").write_text("a-made-up-token")
    keys.is_locked = True

    with pytest.raises(errors.Temporary, match="locked") as caught:
        logout.sign_out(ALICE, everything=everything)

    assert caught.value.remedy.command == f"offlineimap-m365 logout {ALICE}"
    assert not profiles.get(ALICE).is_signed_in
    assert "made-up" not in world.text_of_all_files()
    keys.is_locked = False
    assert logout.sign_out(ALICE, everything=everything)
    assert keys.items == {}


@pytest.mark.parametrize("left", [[], [paths.SETUP_LIST]])
def test_all_means_all(world: World, left: list[str]) -> None:
    """
    With --all nothing is left but setup's list, which ``setup --undo`` needs; other accounts keep their tokens.

    Without a profile, which was moved away because it was broken, the secrets go too, once.
    """
    folder = Path(invent("carol@example.org").folder)
    (folder / "profile.json").unlink()
    assert [logout.sign_out("carol@example.org", everything=False) for _ in range(2)] == [True, False]
    assert "made-up" not in world.text_of_all_files()
    folder = Path(invent().folder)
    invent("bob@example.org")
    for name in ("cache.json.broken-20260101T000000Z", *left):
        (folder / name).write_text("a-made-up")

    assert logout.sign_out(ALICE, everything=True)
    assert folder.exists() == bool(left)
    assert not left or {path.name for path in folder.iterdir()} - {"lock"} == set(left)
    assert not logout.sign_out("nobody@example.org", everything=False)
    assert profiles.names() == ["bob@example.org"]
    assert engine.access_token().value == "a-made-up-access-token"
