"""When the store is damaged, closed or slow: no token that lives is withheld, and nothing is read twice for nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.stores.file import FileStore
from offlineimap_m365.tokens import engine, token_cache
from tests import certificates
from tests.signed_in_accounts import ALICE, age, invent, keep, made_up, put

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


def close(folder: str) -> None:
    """Let nothing be written to *folder*; root would not notice."""
    assert os.geteuid() != 0, "these tests cannot fail as root"
    Path(folder).chmod(0o500)


@pytest.mark.parametrize("data", [b'{"AccessToken": ', b"[]", b"[" * 100_000, b""])
def test_a_damaged_store_is_named_each_time(world: World, entra: Entra, data: bytes) -> None:
    """A damaged cache is 78 until a sign-in replaces it, and is never taken for "no accounts"."""
    account = keep(entra)
    path = Path(account.folder) / "cache.json"
    path.write_bytes(data)

    for _ in range(2):
        with pytest.raises(errors.Misconfigured, match="damaged") as caught:
            engine.access_token(ALICE)

    assert caught.value.remedy.command == f"offlineimap-m365 login {ALICE}"
    assert path.read_bytes() == data
    assert entra.requests == []


@pytest.mark.parametrize("name", ["closed folder", "gone store"])
def test_our_own_trouble_while_a_token_lives(
    world: World, entra: Entra, heard: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the lock or the store is misconfigured, a token that lives is handed out with one warning."""
    account = keep(entra)
    age(account, 100)
    if name == "closed folder":
        close(account.folder)
    else:  # found under the lock
        gone = errors.Misconfigured("The key is gone", account=ALICE)
        monkeypatch.setattr(token_cache, "read", mock.Mock(side_effect=[token_cache.read(account), gone]))

    token = engine.access_token(ALICE)

    assert token.is_good(50, time.time())
    assert len(heard) == 1
    assert entra.requests == []


@pytest.mark.parametrize(("left", "wanted"), [(-10, engine.Wanted()), (100, engine.Wanted(200, demand=True))])
def test_a_closed_folder_without_a_token_that_is_good_enough(
    entra: Entra, expired: Account, left: int, wanted: engine.Wanted
) -> None:
    """If nothing can be written and no token lives as long as is demanded, that is 78; no refresh token is spent."""
    age(expired, left)
    close(expired.folder)

    with pytest.raises(errors.Misconfigured, match="cannot be saved"):
        engine.access_token(ALICE, wanted)

    assert entra.requests == []


def test_an_application_needs_no_lock(world: World, entra: Entra, heard: list[str]) -> None:
    """In a closed folder an application, which has no refresh token, gets a token each time, with a warning."""
    entra.add_client("an application", [], public=False, secret="a-secret")
    credential = {"client_secret_file": str(certificates.write(world.root / "secret", "a-secret"))}
    scopes = ("https://outlook.office365.com/.default",)
    account = keep(entra, kind="app-only", client_id="an application", credential=credential, scopes=scopes)
    age(account, -10)
    close(account.folder)

    token = engine.access_token(ALICE)

    assert token.is_good(200, time.time())
    assert entra.count("client_credentials") == 1
    assert len(heard) == 1


def test_a_store_that_cannot_be_looked_at_leaves_the_memory(world: World, heard: list[str]) -> None:
    """A token in memory is handed out with a warning while the folder cannot be entered."""
    account = invent()
    engine.access_token(ALICE)
    accounts = Path(account.folder).parent
    accounts.chmod(0)

    token = engine.access_token(ALICE)

    accounts.chmod(0o700)
    assert token.value == "a-made-up-access-token"
    assert len(heard) == 1
    assert "made-up" not in repr(engine._memory)  # noqa: SLF001 - a traceback may show it


def test_what_was_read_is_read_again_only_if_the_store_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow store is asked once; another write, or another account, is always read."""
    account, other = invent(), invent("bob@example.org")
    known = token_cache.read(account)
    read = mock.create_autospec(FileStore.read, side_effect=FileStore.read)
    monkeypatch.setattr(FileStore, "read", read)

    assert token_cache.read(account, known=known) is known
    assert read.call_count == 0
    assert token_cache.read(other, known=known).account == other
    put(account, made_up(1800))
    newer = token_cache.read(account, known=known)
    assert newer.access_token != known.access_token
    monkeypatch.setattr(FileStore, "generation", lambda _: None)
    assert token_cache.read(account, known=newer) is not newer
    assert not newer.is_current()
    assert read.call_count == 3
