"""Sign-ins, refreshes and syncs with a keyring or gpg as the store."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.stores import selection
from tests.sign_in import options, sign_in
from tests.whole import builds
from tests.whole.gpg_home import PASSPHRASE
from tests.whole.terminal import product

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.whole.gpg_home import GpgHome
    from tests.whole.keyring_daemon import Desktop
    from tests.whole.sync import Sync
    from tests.world import World

ALICE = "alice@example.org"
_COUNTED = "oauth2/v2.0/token"
#: What a test calls the two; each needs its own surroundings.
KINDS = ("keyring", "gpg")


@dataclasses.dataclass
class Place:
    """Alice's surroundings with a store; *shut* makes it need a person."""

    world: World
    store: str
    shut: Callable[[], None]

    def cache(self) -> dict[str, Any]:
        """Return what the store holds."""
        account = profiles.get(ALICE)
        result: dict[str, Any] = json.loads(selection.open_store(account.store, account.folder, ALICE).read() or b"{}")
        return result

    def secrets(self) -> dict[str, str]:
        """Return the tokens in the store by their kind."""
        cache = self.cache()
        kinds = ("AccessToken", "RefreshToken", "IdToken")
        return {kind: str(next(iter(cache[kind].values()))["secret"]) for kind in kinds}

    def age(self, left: int = 10) -> None:
        """Let the access token in the store live for *left* seconds."""
        cache, account = self.cache(), profiles.get(ALICE)
        for entry in cache["AccessToken"].values():
            entry["expires_on"], entry["cached_at"] = str(int(time.time()) + left), str(int(time.time()) + left - 3600)
        selection.open_store(account.store, account.folder, ALICE).write(json.dumps(cache).encode("ascii"))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, world: World, entra: Entra) -> Place:
    """Return somebody with each store in turn, not signed in yet."""
    entra.access_token_seconds = 3600
    user = product(world)
    if request.param == "keyring":
        desktop: Desktop = request.getfixturevalue("desktop")
        return Place(user, "keyring", desktop.lock)
    gpg: GpgHome = request.getfixturevalue("gpg")
    created = gpg.make(f"Alice <{ALICE}>", PASSPHRASE)
    gpg.unlock_key(created)
    return Place(user, f"gpg:{created}", gpg.kill_agent)


@pytest.fixture
def signed_in(place: Place, entra: Entra) -> Place:
    """Return somebody who signed in to each store in turn."""
    done = sign_in(place.world, entra, ALICE, *options(entra), "--store", place.store)
    assert done.code == 0, done.err
    return place


def test_token_refresh_and_status(signed_in: Place, entra: Entra) -> None:
    """A fresh token is handed out without a request, a stale one costs one, and status reads the same store."""
    world, before = signed_in.world, signed_in.secrets()
    entra.forget()
    fresh = world.run("token", ALICE)
    requests = entra.count(_COUNTED)
    signed_in.age()
    refreshed = world.run("refresh", ALICE)
    after = signed_in.secrets()
    status = world.run("status", "--json")

    row = json.loads(status.out)["accounts"][0]
    assert (fresh.code, fresh.out, requests) == (0, before["AccessToken"] + "\n", 0)
    assert (refreshed.code, refreshed.out, entra.count(_COUNTED)) == (0, "", 1)
    assert after["AccessToken"] != before["AccessToken"]
    assert (row["store"], row["state"]) == (signed_in.store, "ok")
    assert not [secret for secret in after.values() if secret in status.out + status.err]


def test_a_store_that_needs_a_person(signed_in: Place) -> None:
    """In cron a locked store is 75, within 5 s, with its reason and the way out; nothing is asked of the provider."""
    signed_in.shut()

    start = time.monotonic()
    done = [signed_in.world.run(*words) for words in (["token", ALICE], ["refresh"])]
    took = time.monotonic() - start

    assert [(outcome.code, outcome.out) for outcome in done] == [(75, "")] * 2, done[0].err
    assert all(word in done[0].err for word in (ALICE, "nlock", f"offlineimap-m365 login {ALICE} --store file"))
    assert all(len(outcome.err.splitlines()) <= 6 for outcome in done)
    assert took < 10


def test_a_locked_store_is_found_before_anybody_signs_in(world: World, entra: Entra, desktop: Desktop) -> None:
    """``login`` into a locked keyring ends at once with 75, and asks nobody for a sign-in that it could not keep."""
    desktop.lock()

    done = world.run("login", ALICE, "--paste", *options(entra), "--store", "keyring")

    assert (done.code, "the keyring is locked" in done.err) == (75, True)
    assert "/authorize" not in done.err


@pytest.mark.parametrize(
    ("store", "code", "words"),
    [
        ("keyring", 75, "no D-Bus session"),
        ("gpg:nobody@example.org", 78, "no secret key called nobody@example.org"),
        ("gpg:", 2, "gpg:KEY"),
        ("drawer", 2, "drawer"),
    ],
)
@pytest.mark.usefixtures("gpg")
def test_a_store_that_cannot_be_had(world: World, entra: Entra, store: str, code: int, words: str) -> None:
    """``login`` says before it begins that a store cannot be had, and nothing is kept in a file instead."""
    done = world.run("login", ALICE, "--paste", *options(entra), "--store", store)

    assert (done.code, words in done.err) == (code, True), done.err
    assert not world.folder(ALICE).exists()


def test_auto_is_decided_once(world: World, entra: Entra, desktop: Desktop) -> None:
    """``--store auto`` says what it chose and why; later logins keep to it, whatever the session is then."""
    user = product(world)
    first = sign_in(user, entra, ALICE, *options(entra), "--store", "auto")
    world.environ["SSH_CONNECTION"] = "192.0.2.1 1 192.0.2.2 22"
    second = sign_in(user, entra, ALICE)

    assert [first.code, second.code] == [0, 0], first.err + second.err
    assert "without a question" in first.err
    assert profiles.get(ALICE).store == "keyring"


@pytest.mark.parametrize("kind", KINDS)
@builds.each_python
def test_a_sync(sync: Sync, request: pytest.FixtureRequest, kind: str) -> None:
    """Every OfflineIMAP, under this Python or another, syncs with a sign-in that is in a keyring or encrypted."""
    if kind == "gpg":
        request.getfixturevalue("gpg").make(f"Alice <{ALICE}>")
    else:
        request.getfixturevalue("desktop")
    store = {"gpg": f"gpg:{ALICE}", "keyring": "keyring"}[kind]
    sync.entra.access_token_seconds = 3600
    sync.exchange.add_mailbox(ALICE)
    sync.exchange.fill(ALICE, per_folder=1)
    hosts = options(sync.entra, sync.exchange.imap_port, sync.exchange.smtp_port)
    kept = sign_in(sync.world, sync.entra, ALICE, *hosts, "--store", store)
    assert kept.code == 0, kept.err
    sync.configure()

    done = sync.run("-d", "imap")

    assert done.code == 0, done.out + done.err
    assert sync.in_maildir() == sync.on_server()
    place = Place(sync.world, store, lambda: None)
    assert not [secret for secret in place.secrets().values() if secret in done.out + done.err]


def test_what_a_locked_key_says_at_login(world: World, entra: Entra, gpg: GpgHome) -> None:
    """The way to unlock a key before a first sign-in needs no file of ours, since there is none yet, and works."""
    created = gpg.make(f"Alice <{ALICE}>", PASSPHRASE)
    gpg.kill_agent()

    done = world.run("login", ALICE, "--paste", *options(entra), "--store", f"gpg:{ALICE}")

    assert done.code == 75, done.err
    assert f"gpg --encrypt --recipient {created} </dev/null | gpg --decrypt" in done.err
    assert f"offlineimap-m365 login {ALICE} --store file" in done.err
    assert not world.folder(ALICE).exists()


def test_a_sync_with_a_locked_store(sync: Sync, gpg: GpgHome) -> None:
    """OfflineIMAP skips an account whose key is locked, says so in our words, and exits non-zero, soon."""
    gpg.unlock_key(gpg.make(f"Alice <{ALICE}>", PASSPHRASE))
    sync.entra.access_token_seconds = 3600
    hosts = options(sync.entra, sync.exchange.imap_port, sync.exchange.smtp_port)
    kept = sign_in(sync.world, sync.entra, ALICE, *hosts, "--store", f"gpg:{ALICE}")
    assert kept.code == 0, kept.err
    sync.configure()
    gpg.kill_agent()

    done = sync.run()

    assert done.code != 0
    assert "gpg would have to ask for the passphrase" in done.out + done.err
