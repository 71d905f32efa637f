"""
A Microsoft 365 with mail in it, and each build of OfflineIMAP to fetch it with.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.stores import keyring
from tests.m365.exchange import Exchange
from tests.m365.person import Browser
from tests.whole import builds, keyring_daemon
from tests.whole.advice_follower import AdviceFollower
from tests.whole.mail_user import MailUser, open_mail_user
from tests.whole.sync import Sync
from tests.whole.terminal import product
from tests.world import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

    from tests.m365.entra import Entra
    from tests.whole.builds import Build
    from tests.whole.keyring_daemon import Desktop
    from tests.world import World


@pytest.fixture
def build(request: pytest.FixtureRequest) -> Build:
    """Return the build of OfflineIMAP that the test's mark names, else the distribution's."""
    return builds.find(getattr(request, "param", "distribution"))


@pytest.fixture
def exchange(tmp_path: Path, ca: trustme.CA, entra: Entra) -> Iterator[Exchange]:
    """Run an Exchange that believes Entra's tokens."""
    with Exchange(tmp_path / "exchange", ca, issuers=entra.issuers(), keys=entra.keys()) as made:
        yield made


@pytest.fixture
def sync(world: World, entra: Entra, exchange: Exchange, build: Build) -> Sync:
    """Return a user with this build of OfflineIMAP and this package's command of the same installation."""
    mine = dataclasses.replace(world, command=list(build.command))
    return Sync(mine, entra, exchange, build)


@pytest.fixture
def ready(sync: Sync) -> Sync:
    """Return a user of OfflineIMAP with mail, signed in, with the sample filled in."""
    sync.exchange.add_mailbox("alice@example.org")
    sync.exchange.fill("alice@example.org", per_folder=2)
    sync.sign_in()
    sync.configure()
    return sync


@pytest.fixture
def user(world: World) -> World:
    """Return somebody with this package who is not signed in."""
    return product(world)


@pytest.fixture
def browser(entra: Entra) -> Iterator[Browser]:
    """Open a browser that walks the sign-in pages; where it is does not matter."""
    with Browser(entra.ca_file) as opened:
        yield opened


@pytest.fixture
def follower(world: World, entra: Entra, exchange: Exchange) -> AdviceFollower:
    """Return Alice, signed in, who runs what the doctor advises; nothing is wrong yet."""
    return AdviceFollower.make(world, entra, exchange)


@pytest.fixture
def bus(world: World) -> Iterator[Desktop]:
    """Let the world have a D-Bus session without a keyring."""
    with keyring_daemon.session(world.root, world.environ) as made:
        world.environ["DBUS_SESSION_BUS_ADDRESS"] = made.address
        world.enter()
        yield made


@pytest.fixture
def desktop(bus: Desktop, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    """Let the world have a desktop's session, with an unlocked keyring; this process waits longer for its answers."""
    monkeypatch.setattr(keyring, "SECONDS", PATIENCE)
    bus.start_keyring()
    return bus


@pytest.fixture(scope="module")
def module_user(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA) -> Iterator[MailUser]:
    """Sign a mail user in once for all tests of a module."""
    with open_mail_user(tmp_path_factory.mktemp("user"), ca) as user:
        yield user


@pytest.fixture
def shared_user(module_user: MailUser) -> MailUser:
    """Return the mail user whom the tests of a module share, with nothing sent and nothing opened yet."""
    module_user.exchange.token_life_override = None
    module_user.exchange.outbox.clear()
    module_user.exchange.sessions.clear()
    module_user.exchange.refusals.clear()
    return module_user
