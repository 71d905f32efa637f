"""What every store promises, and what moving between any two of them does: real files, a real keyring, a real gpg."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import engine, move_store
from tests.signed_in_accounts import ALICE, TOKEN, age, invent, keep
from tests.whole import kill_points, many_processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.stores.file import FileStore
    from tests.m365.entra import Entra
    from tests.whole.gpg_home import GpgHome
    from tests.whole.keyring_daemon import Desktop
    from tests.world import World

NAMES = ("file", "keyring", "gpg")
PAIRS = [(one, other) for one in NAMES for other in NAMES if one != other]
SECRETS = ("a-made-up-access-token", "a-made-up-refresh-token")


@dataclasses.dataclass
class Place:
    """A *store* by its whole name; *close* lets it take nothing until *open* is called."""

    store: str
    close: Callable[[], object]
    open: Callable[[], object]

    @property
    def kept(self) -> FileStore:
        """The store of Alice's account."""
        return selection.open_store(self.store, paths.folder(ALICE), ALICE)


@dataclasses.dataclass
class Places:
    """All places of one user, made when they are asked for."""

    request: pytest.FixtureRequest

    def get(self, name: str) -> Place:
        """Return the place that is called *name* in the tests."""
        folder = Path(paths.folder(ALICE))
        close, open_ = (lambda: folder.chmod(0o500)), (lambda: folder.chmod(0o700))
        if name == "keyring":
            desktop: Desktop = self.request.getfixturevalue("desktop")
            return Place("keyring", desktop.lock, lambda: _unlock(desktop))
        if name == "gpg":
            gpg: GpgHome = self.request.getfixturevalue("gpg")
            key = gpg.listed()[0].fingerprint if gpg.listed() else gpg.make(f"Alice <{ALICE}>")
            return Place(f"gpg:{key}", close, open_)
        return Place("file", close, open_)


def _unlock(desktop: Desktop) -> None:
    """Unlock the keyring as the next login does."""
    desktop.kill_keyring()
    desktop.start_keyring()


@pytest.fixture
def all_places(world: World, request: pytest.FixtureRequest) -> Places:
    """Return what makes each place in this world."""
    return Places(request)


@pytest.fixture(params=NAMES)
def place(request: pytest.FixtureRequest, all_places: Places) -> Place:
    """Return each place in turn, with an empty folder for Alice."""
    found = all_places.get(request.param)
    paths.make(paths.folder(ALICE))
    return found


def in_store(place: Place, account: Account) -> Account:
    """Move the secrets of *account* to the *place*; no token may rest elsewhere."""
    move_store.move(account.name, place.store)
    return profiles.get(account.name)


class TestEveryStore:
    """The conformance of a store: what ``Store`` says, on the real thing."""

    @pytest.mark.parametrize("data", [b"{}", b'{"a": "\\u00e9 \\n"}', b"x" * 60_000], ids=["short", "odd", "long"])
    def test_what_was_written_is_read(self, place: Place, data: bytes) -> None:
        """The last bytes come back, to another process as well; after a delete there is nothing, and no error."""
        place.kept.write(b"before")
        place.kept.write(data)

        assert place.kept.read() == data
        place.kept.delete()
        place.kept.delete()
        assert place.kept.read() is None
        assert place.kept.generation() is None
        assert [name for name in os.listdir(paths.folder(ALICE)) if name != "lock"] == []  # noqa: PTH208 - names

    def test_a_generation_tells_every_write(self, place: Place) -> None:
        """Each write has another generation, of the same bytes too, and no read has."""
        seen = {place.kept.generation()}
        for _ in range(4):
            place.kept.write(b"the same")
            seen |= {place.kept.generation(), place.kept.generation()}
            place.kept.read()

        assert len(seen) == 5
        assert place.kept.generation() in seen

    def test_writers_come_one_by_one(self, world: World, place: Place) -> None:
        """Of so many writers at once none is lost: two hundred, or fewer where each takes a hundred times as long."""
        number = {"file": 200, "gpg": 20, "keyring": 10}[selection.kind(place.store)]

        found = kill_points.run(world, "count", place.store, str(number))

        assert found == [number, number]

    def test_a_write_is_killed_before_each_step(self, world: World, place: Place) -> None:
        """Whenever a writer is killed, the last state or the new one is there, and the next writer comes through."""
        found = kill_points.run(world, "write", place.store)

        assert set(found) == {"before", "after"}
        assert found[-1] == "after"

    def test_what_refuses_a_write_says_so_and_keeps_the_last_state(self, place: Place) -> None:
        """A store that takes nothing refuses a write and still has the last state."""
        place.kept.write(b"before")
        place.close()

        try:
            with pytest.raises((OSError, errors.M365Error)):
                place.kept.write(b"after")
        finally:
            place.open()

        assert place.kept.read() == b"before"
        place.kept.write(b"after")
        assert place.kept.read() == b"after"

    @many_processes.sizes(8, 200)
    def test_all_share_one_refresh(self, world: World, entra: Entra, place: Place, number: int) -> None:
        """Many processes that find a stale token: one request to a provider that forgives nothing, one answer."""
        entra.strict, entra.access_token_seconds = True, 3600
        account = keep(entra)
        age(account, -10)
        in_store(place, account)
        number = number if place.store == "file" else min(number, 20)

        outcomes = [many_processes.finish(process) for process in [many_processes.start(world) for _ in range(number)]]

        assert {(outcome.code, outcome.err) for outcome in outcomes} == {(0, "")}
        assert len({outcome.out for outcome in outcomes}) == 1
        assert [request.path.endswith(TOKEN) for request in entra.requests] == [True]

    def test_a_store_that_takes_nothing(self, world: World, entra: Entra, place: Place) -> None:
        """A refresh whose answer cannot be saved gives the token and one warning; a locked keyring is 75."""
        account = keep(entra)
        age(account, -10)
        in_store(place, account)
        place.close()

        done = world.run("token", ALICE)

        place.open()
        assert done.code == (75 if place.store == "keyring" else 0)
        assert bool(done.out) == (done.code == 0) == bool(entra.requests)
        assert ALICE in done.err.splitlines()[0]
        assert world.run("token", ALICE).code == 0


@pytest.mark.parametrize(("source", "target"), PAIRS)
class TestMoving:
    """``store ACCOUNT --to STORE``, both ways between all of them."""

    def test_a_move(self, world: World, all_places: Places, source: str, target: str) -> None:
        """The same token comes from the new place without a request, and the old one holds nothing any more."""
        account = invent()
        old, new = all_places.get(source), all_places.get(target)
        in_store(old, account)

        done = world.run("store", ALICE, "--to", new.store)
        again = world.run("store", ALICE, "--to", new.store)

        assert (done.code, done.out, again.code) == (0, "", 0)
        assert f"from the store {old.store}" in done.err
        assert "already" in again.err
        assert world.run("token", ALICE).out == f"{SECRETS[0]}\n"
        assert profiles.get(ALICE).chosen["store"] == new.store
        assert kill_points.holders() == [target]
        assert all((secret in readable(world)) == (target == "file") for secret in SECRETS)

    @pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.long)])
    def test_a_move_is_killed_before_each_step(
        self, world: World, all_places: Places, source: str, target: str, stride: int
    ) -> None:
        """Whenever a move is killed, the account works, and the command run again completes it."""
        invent()
        old, new = all_places.get(source).store, all_places.get(target).store

        found = kill_points.run(world, "move", old, new, str(stride))

        assert [is_there for _, _, is_there, _ in found] == [True] * len(found)
        pointed = [where for _, where, _, _ in found]
        at = pointed.index(new)
        assert pointed == [old] * at + [new] * (len(found) - at)
        assert 0 < at < len(found) - (stride == 1)  # some steps come after the profile was written; the last is none
        assert {tuple(left) for _, _, _, left in found} == {(target,)}

    def test_a_logout_forgets_what_a_killed_move_left(
        self, world: World, all_places: Places, source: str, target: str
    ) -> None:
        """Secrets in two places at once, as a kill leaves them, are all gone after a logout."""
        account = in_store(all_places.get(source), invent())
        new = all_places.get(target).kept
        new.write(selection.open_store(account.store, account.folder, ALICE).read() or b"")
        held = kill_points.holders()

        done = world.run("logout", ALICE)

        assert sorted(held) == sorted((source, target))
        assert (done.code, kill_points.holders()) == (0, [])
        assert [secret for secret in SECRETS if secret in readable(world)] == []

    def test_a_new_place_that_is_closed(self, world: World, all_places: Places, source: str, target: str) -> None:
        """A place that takes nothing is 75 or 78, and the sign-in stays where it was."""
        old, new = all_places.get(source), all_places.get(target)
        in_store(old, invent())
        new.kept.write(b"something") if target == "keyring" else None  # a keyring that holds nothing has no lock
        new.close()

        done = world.run("store", ALICE, "--to", new.store)

        new.open()
        assert done.code == (75 if target == "keyring" else 78), done.err
        assert profiles.get(ALICE).store == old.store
        assert engine.access_token(ALICE).value == SECRETS[0]


def readable(world: World) -> str:
    """Return all that lies in the world's files, the desktop's own (which are encrypted) included."""
    return world.text_of_all_files()


@pytest.mark.parametrize("name", ["keyring", "gpg"])
def test_a_login_changes_the_store(world: World, entra: Entra, all_places: Places, name: str) -> None:
    """A login into another store leaves nothing in the old one; the next one without options stays there."""
    from tests.sign_in import options, sign_in  # noqa: PLC0415

    place = all_places.get(name)
    first = sign_in(world, entra, ALICE, *options(entra))
    second = sign_in(world, entra, ALICE, "--store", place.store)
    held = kill_points.holders()

    third = sign_in(world, entra, ALICE)

    assert [first.code, second.code, third.code] == [0, 0, 0], second.err + third.err
    assert f"store: {place.store}" in second.err
    assert f"store: {place.store}" in third.err
    assert held == kill_points.holders() == [name]
    assert profiles.get(ALICE).store == place.store
    assert world.run("token", ALICE).code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["bob@example.org", "--to", "file"], 77),
        ([ALICE, "--to", "shelf"], 2),
        ([ALICE, "--to", "gpg:nobody@example.org"], 78),
        ([ALICE], 2),
        (["--to", "file"], 2),
    ],
)
def test_what_cannot_be_moved(world: World, gpg: GpgHome, words: list[str], code: int) -> None:
    """An unknown account is 77, another word 2, a key that is not here 78; the sign-in stays where it is."""
    assert gpg
    invent()

    done = world.run("store", *words)

    assert (done.code, done.out) == (code, "")
    assert 1 <= len(done.err.splitlines()) <= 6
    assert world.run("token", ALICE).out == f"{SECRETS[0]}\n"


def test_a_logout_of_a_locked_keyring_says_so(world: World, all_places: Places) -> None:
    """What cannot be removed now is 75 with what to do; all else is gone, and the next logout completes it."""
    place = all_places.get("keyring")
    in_store(place, invent())
    (Path(paths.folder(ALICE)) / "cache.json.broken-20260101T000000Z").write_text(SECRETS[1])
    place.close()

    done = world.run("logout", ALICE, "--all")

    assert done.code == 75
    assert "logout" in done.err.splitlines()[-1]
    assert kill_points.holders() == ["keyring"]
    assert SECRETS[1] not in readable(world)
    with contextlib.suppress(errors.M365Error):
        assert not profiles.get(ALICE).is_signed_in
    place.open()
    assert world.run("logout", ALICE, "--all").code == 0
    assert not Path(paths.folder(ALICE)).exists()
