"""What every store promises, and what moving between any two of them does: real files, a real keyring, a real gpg."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import paths
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import move_store
from tests.signed_in_accounts import ALICE, TOKEN, age, invent, keep
from tests.whole import kill_points, many_processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.stores.file import FileStore
    from tests.m365.entra import Entra
    from tests.whole.gpg_home import GpgHome
    from tests.whole.keyring_daemon import Desktop
    from tests.world import World

NAMES = ("file", "keyring", "gpg")
SECRETS = ("a-made-up-access-token", "a-made-up-refresh-token")
between_all = pytest.mark.parametrize(
    ("source", "target"), [(one, other) for one in NAMES for other in NAMES if one != other], indirect=True
)


@dataclasses.dataclass
class Place:
    """A *store* by its whole name; *close* lets it take nothing until *open* is called."""

    store: str
    close: Callable[[], object]
    open: Callable[[], object]

    @classmethod
    def find(cls, name: str, request: pytest.FixtureRequest) -> Place:
        """Return the place that is called *name* in the tests; the test gets a desktop or a gpg if it needs one."""
        folder = Path(paths.folder(ALICE))
        close, open_ = (lambda: folder.chmod(0o500)), (lambda: folder.chmod(0o700))
        if name == "keyring":
            desktop: Desktop = request.getfixturevalue("desktop")
            return cls("keyring", desktop.lock, desktop.restart_keyring)
        if name == "gpg":
            gpg: GpgHome = request.getfixturevalue("gpg")
            return cls(f"gpg:{gpg.make(f'Alice <{ALICE}>')}", close, open_)
        return cls("file", close, open_)

    @property
    def kept(self) -> FileStore:
        """The store of Alice's account."""
        return selection.open_store(self.store, paths.folder(ALICE), ALICE)


@pytest.fixture(params=NAMES)
def place(request: pytest.FixtureRequest, world: World) -> Place:
    """Return each place in turn, with an empty folder for Alice."""
    found = Place.find(request.param, request)
    paths.make(paths.folder(ALICE))
    return found


@pytest.fixture
def source(request: pytest.FixtureRequest, world: World) -> Place:
    """Return the place that has Alice's secrets."""
    found = Place.find(request.param, request)
    invent()
    move_store.move(ALICE, found.store)
    return found


@pytest.fixture
def target(request: pytest.FixtureRequest, world: World) -> Place:
    """Return the place that is to get them."""
    return Place.find(request.param, request)


@pytest.mark.parametrize("place", NAMES[1:], indirect=True)  # test_storm has the file
@many_processes.sizes(4, 20)
def test_all_share_one_refresh(world: World, entra: Entra, place: Place, number: int) -> None:
    """Many processes that find a stale token: one request to a provider that forgives nothing, one answer."""
    entra.strict, entra.access_token_seconds = True, 3600
    age(keep(entra), -10)
    move_store.move(ALICE, place.store)

    outcomes = many_processes.at_once(world, number)

    assert {(outcome.code, outcome.err) for outcome in outcomes} == {(0, "")}
    assert len({outcome.out for outcome in outcomes}) == 1
    assert [request.path.endswith(TOKEN) for request in entra.requests] == [True]


def test_a_store_that_takes_nothing(world: World, entra: Entra, place: Place) -> None:
    """A refresh whose answer cannot be saved gives the token and one warning; a locked keyring is 75."""
    age(keep(entra), -10)
    move_store.move(ALICE, place.store)
    place.close()

    done = world.run("token", ALICE)

    place.open()
    assert done.code == (75 if place.store == "keyring" else 0)
    assert bool(done.out) == (done.code == 0) == bool(entra.requests)
    assert ALICE in done.err.splitlines()[0]
    assert world.run("token", ALICE).code == 0


@between_all
def test_a_move(world: World, source: Place, target: Place) -> None:
    """
    The same token comes from the new place without a request, and the old one holds nothing any more.

    Secrets in two places at once, as a killed move leaves them, are all gone after a logout.
    """
    done = world.run("store", ALICE, "--to", target.store)
    token, held, text = world.run("token", ALICE), kill_points.holders(), world.text_of_all_files()
    source.kept.write(target.kept.read() or b"")
    held_twice = kill_points.holders()
    signed_out = world.run("logout", ALICE)

    assert (done.code, done.out, token.out) == (0, "", f"{SECRETS[0]}\n"), done.err
    assert held == [selection.kind(target.store)]
    assert profiles.get(ALICE).chosen["store"] == target.store
    assert all((secret in text) == (target.store == "file") for secret in SECRETS)
    assert (len(held_twice), signed_out.code, kill_points.holders()) == (2, 0, [])
    assert [secret for secret in SECRETS if secret in world.text_of_all_files()] == []


@between_all
@many_processes.sizes(7, 1)
def test_a_move_is_killed_before_each_step(world: World, source: Place, target: Place, number: int) -> None:
    """Killed before any step (each *number*-th), a move leaves an account that works; run again it is completed."""
    old, new = source.store, target.store

    found = kill_points.run(world, old, new, number)

    assert [is_there for _, _, is_there, _ in found] == [True] * len(found)
    pointed = [where for _, where, _, _ in found]
    at = pointed.index(new)
    assert pointed == [old] * at + [new] * (len(found) - at)
    assert 0 < at < len(found) - (number == 1)  # some steps come after the profile was written; the last is none
    assert {tuple(left) for _, _, _, left in found} == {(selection.kind(new),)}
