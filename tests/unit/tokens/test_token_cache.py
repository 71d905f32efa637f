"""When the store is broken, closed or full: no token that lives is withheld, and none that came is lost."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors, notices
from offlineimap_m365.tokens import engine
from tests.kept import ALICE, TOKEN, age, invent, keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Return all notices, as they are said."""
    said: list[str] = []
    notices.listen(said.append)
    yield said
    notices.listen(lambda _: None)


def close(folder: str) -> None:
    """Let nothing be written to *folder*; root would not notice."""
    assert os.geteuid() != 0, "these tests cannot fail as root"
    Path(folder).chmod(0o500)


def test_a_broken_store_is_named_and_set_aside(world: World, entra: Entra) -> None:
    """A broken cache is 78 and moved away once; then the sign-in is gone, 77, and never "no accounts"."""
    account = keep(entra)
    (Path(account.folder) / "cache.json").write_bytes(b'{"AccessToken": ')

    with pytest.raises(errors.Misconfigured, match=r"damaged; it was set aside as .*cache\.json\.broken-"):
        engine.access_token(ALICE)
    with pytest.raises(errors.SignInNeeded, match="no longer in its store"):
        engine.access_token(ALICE)

    assert len(list(Path(account.folder).glob("cache.json.broken-*"))) == 1


def test_a_closed_folder_with_a_living_token(world: World, entra: Entra, heard: list[str]) -> None:
    """If the store takes nothing, a token that lives is handed out with one warning, and nobody is asked."""
    account = keep(entra)
    age(account, 100)
    close(account.folder)

    found = engine.access_token(ALICE)

    assert found.is_good(50, time.time())
    assert len(heard) == 1
    assert entra.requests == []


def test_a_closed_folder_with_a_dead_token(world: World, entra: Entra) -> None:
    """If the store takes nothing and no token lives, that is 78, before the refresh token is spent."""
    account = keep(entra)
    age(account, -10)
    close(account.folder)

    with pytest.raises(errors.Misconfigured, match="cannot be saved"):
        engine.access_token(ALICE)

    assert entra.requests == []


def test_a_store_that_cannot_be_looked_at_leaves_the_memory(world: World, heard: list[str]) -> None:
    """A token in memory is handed out with a warning while the folder cannot be entered."""
    account = invent()
    engine.access_token(ALICE)
    accounts = Path(account.folder).parent
    accounts.chmod(0)

    found = engine.access_token(ALICE)

    accounts.chmod(0o700)
    assert found.value == "a-made-up-access-token"
    assert len(heard) == 1


def test_a_refresh_token_that_cannot_be_saved_is_not_lost(world: World, entra: Entra, heard: list[str]) -> None:
    """If saving fails after the answer, the token is handed out, and the new refresh token saved when that works."""
    entra.strict = True
    account = keep(entra)
    age(account, -10)
    entra.delay = 0.5
    worker_saw: list[str] = []
    asking = threading.Thread(target=lambda: worker_saw.append(engine.access_token(ALICE).value))
    asking.start()
    while entra.count(TOKEN) == 0:
        time.sleep(0.01)
    close(account.folder)  # after room was made, before there is an answer
    asking.join()
    entra.delay = 0

    again = engine.access_token(ALICE)
    Path(account.folder).chmod(0o700)
    saved = engine.access_token(ALICE)

    assert worker_saw == [again.value] == [saved.value]
    assert saved.value in world.secrets(ALICE)
    assert entra.count(TOKEN) == 1
    assert "is kept in memory for now" in heard[0]
    age(account, -10)
    assert engine.access_token(ALICE).value != saved.value  # its refresh token is the one that was saved late
