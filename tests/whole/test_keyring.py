"""The store "keyring" against a real Secret Service: gnome-keyring on a D-Bus of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import errors, paths
from offlineimap_m365.stores import keyring
from offlineimap_m365.stores.keyring import KeyringStore
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from tests.whole.keyring_daemon import Desktop
    from tests.world import World

SECRET = b'{"RefreshToken": {"rt": {"secret": "a-made-up-refresh-token"}}}'


def store_of(account: str = ALICE) -> KeyringStore:
    """Return the store of an account whose folder is there."""
    paths.make(paths.folder(account))
    return KeyringStore(paths.folder(account), account)


def user_of(account: str = ALICE) -> str:
    """Return what the account's item is called."""
    return keyring.item(account, paths.directory())


def test_one_item_per_account(desktop: Desktop, world: World) -> None:
    """One per home, too; it is replaced whole and removed alone; the disk has no secret, but one closed file."""
    marker = Path(paths.folder(ALICE)) / keyring.MARKER
    elsewhere = world.root / "other" / "accounts" / ALICE
    paths.make(str(elsewhere))
    KeyringStore(str(elsewhere), ALICE).write(b"another")
    store_of().write(b"an older one, much longer than what comes after it")
    store_of().write(SECRET)
    store_of("bob@example.org").write(b"{}")

    others = {user_of("bob@example.org"): "{}", keyring.item(ALICE, str(world.root / "other")): "another"}
    assert desktop.items() == {user_of(): SECRET.decode(), **others}
    assert b"a-made-up-refresh-token" not in b"".join(p.read_bytes() for p in world.root.rglob("*") if p.is_file())
    assert (list(marker.parent.iterdir()), marker.stat().st_mode & 0o777) == ([marker], 0o600)
    store_of().delete()
    assert desktop.items() == others
    assert list(marker.parent.iterdir()) == []


def test_nothing_was_ever_written(world: World) -> None:
    """Without the file that points to the keyring nobody is asked: there is nothing, even where there is no bus."""
    assert store_of().read() is None
    assert store_of().generation() is None
    assert world.environ["DBUS_SESSION_BUS_ADDRESS"].endswith("no-bus")


def test_a_home_that_was_moved_takes_its_secrets_along(desktop: Desktop, world: World) -> None:
    """Who renames the home directory stays signed in, and logout finds the item under its old name."""
    store_of().write(SECRET)
    moved = world.root / "moved"
    Path(paths.directory()).rename(moved)

    store = KeyringStore(str(moved / "accounts" / ALICE), ALICE)
    result = store.read()
    store.write(b"newer")
    newer = store.read()
    store.delete()

    assert (result, newer) == (SECRET, b"newer")
    assert desktop.items() == {}


def test_locked(desktop: Desktop) -> None:
    """A locked keyring is temporary, says so, and is never asked to unlock: no prompt is opened."""
    store = store_of()
    store.write(SECRET)
    desktop.lock()

    with desktop.listened() as called:
        for use in (store.read, lambda: store.write(b"newer"), store.delete):
            with pytest.raises(errors.Temporary, match=rf"{ALICE}: the keyring is locked"):
                use()

    assert "Get" in called
    assert {"Unlock", "Prompt", "CreateItem", "GetSecret", "GetSecrets"}.isdisjoint(called)


@pytest.mark.parametrize(
    ("surroundings", "kind", "fact"),
    [
        ("no bus", errors.Temporary, "there is no D-Bus session"),
        ("no service", errors.Misconfigured, r"no keyring runs in this session.*org\.freedesktop\.secrets"),
        ("no collection", errors.Misconfigured, "no default collection"),
    ],
)
def test_no_keyring(
    world: World, request: pytest.FixtureRequest, surroundings: str, kind: type[errors.M365Error], fact: str
) -> None:
    """What is missing is named, nothing is made that would ask for a password, and nothing is written elsewhere."""
    if surroundings != "no bus":
        bus: Desktop = request.getfixturevalue("bus")
        if surroundings == "no collection":
            bus.start_keyring(unlock=False)

    with pytest.raises(kind, match=fact):
        store_of().write(SECRET)

    assert list(Path(paths.folder(ALICE)).iterdir()) == []


def test_the_bus_that_cron_does_not_name(desktop: Desktop, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its address the bus is found in the runtime directory, where systemd has it."""
    store_of().write(SECRET)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(desktop.socket.parent))

    assert store_of().read() == SECRET


def test_settings_of_the_library_do_not_count(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever backend or scheme somebody configured for other programs, the item is where the next one looks."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.setenv("KEYRING_PROPERTY_SCHEME", "KeePassXC")

    store_of().write(SECRET)
    monkeypatch.undo()

    assert list(desktop.items()) == [user_of()]
    assert store_of().read() == SECRET


def test_the_marker_comes_before_the_secret(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two, a writer leaves a pointer to nothing: never a secret to which nothing points."""
    monkeypatch.setattr(keyring, "ask", mock.Mock(side_effect=[None, KeyboardInterrupt]))

    with pytest.raises(KeyboardInterrupt):
        store_of().write(SECRET)

    assert (Path(paths.folder(ALICE)) / keyring.MARKER).exists()
