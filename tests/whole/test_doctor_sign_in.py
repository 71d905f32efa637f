"""A set-up broken in the home, in the store or at the provider: the doctor names it, and its advice heals it."""

from __future__ import annotations

import getpass
import json
import platform
import re
from typing import TYPE_CHECKING

import pytest

from docs.manual import pages
from tests.signed_in_accounts import ALICE, TOKEN
from tests.whole.advice_follower import AdviceFollower

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.whole.keyring_daemon import Desktop
    from tests.world import World

BOB = "bob@example.org"


@pytest.fixture
def alice(world: World, entra: Entra, exchange: Exchange) -> AdviceFollower:
    """Return Alice, who is well."""
    return AdviceFollower.make(world, entra, exchange)


def written(path: Path, text: str) -> None:
    """Write a file of Alice's home that belongs to her."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def test_what_a_sign_in_heals_is_named_alone_and_healed(alice: AdviceFollower) -> None:
    """A profile or cache that is none or another's, a sign-out, a changed password, a consent that was taken back."""
    folder, entra = alice.world.folder(ALICE), alice.entra
    alice.sign_in(upn=BOB, account=BOB)
    bobs = (alice.world.folder(BOB) / "cache.json").read_bytes()
    alice.run(f"offlineimap-m365 logout {BOB} --all")
    broken: list[tuple[str, Callable[[], object]]] = [
        ("profile", lambda: written(folder / "profile.json", "{")),
        ("store", lambda: written(folder / "cache.json", "{")),
        ("sign-in", lambda: alice.run(f"offlineimap-m365 logout {ALICE}")),
        ("refresh", lambda: entra.revoke(ALICE)),
        ("refresh", lambda: entra.refuse(ALICE, 65001)),
        ("token", lambda: (folder / "cache.json").write_bytes(bobs)),
    ]
    for name, break_it in broken:
        break_it()

        alice.follow(alice.only(name))

    assert alice.has_no_failure()
    assert not (alice.world.folder(BOB)).exists()


def test_the_doctor_asks_the_provider_once(alice: AdviceFollower) -> None:
    """One refresh, also of a token that was issued a moment ago; offline there is none."""
    assert alice.has_no_failure()
    asked = alice.entra.count(TOKEN)
    alice.entra.forget()

    assert alice.has_no_failure("--offline")
    assert asked == 1
    assert alice.entra.requests == []


def test_the_manual_has_every_check(alice: AdviceFollower) -> None:
    """Who meets a name on the screen finds it in the manual, and the other way round; in their order."""
    listed = re.findall(r"[a-z0-9]+(?:\\-[a-z0-9]+)*", pages.sections()["doctor"].partition(".PP\nWith")[0])

    named = [check["name"] for check in alice.examine()]

    manual = [word.replace("\\-", "-") for word in listed]
    assert named == [word for word in dict.fromkeys(manual) if word in named]
    assert len(named) == len(set(named))


def test_a_keyring_that_is_locked(alice: AdviceFollower, desktop: Desktop) -> None:
    """It is called locked; once it is unlocked, as the remedy says first, the sign-in moves to a file for good."""
    alice.world.environ["DBUS_SESSION_BUS_ADDRESS"] = desktop.address
    alice.run(f"offlineimap-m365 store {ALICE} --to keyring")
    desktop.lock()

    check = alice.only("store")
    desktop.kill_keyring()
    desktop.start_keyring()
    alice.follow(check)
    desktop.lock()

    assert "the keyring is locked" in check["meaning"]
    assert check["remedy"].startswith("Unlock it")
    assert alice.has_no_failure()


def test_a_report_names_nobody(alice: AdviceFollower) -> None:
    """No address, path, id, or name of the user and the machine, with a failure and an offlineimaprc in it."""
    config = alice.world.root / "home" / ".offlineimaprc"
    config.write_text(
        f"[general]\naccounts = Wonderland\n[Account Wonderland]\nlocalrepository = Cupboard\n"
        f"remoterepository = Rabbithole\n[Repository Rabbithole]\ntype = IMAP\nremoteuser = {ALICE}\n",
        encoding="utf-8",
    )
    alice.entra.revoke(ALICE)

    done = alice.say("doctor", "--report", "--config", config)

    alice.keeps_secrets(done)
    assert done.code == 1, done.err
    report = json.loads(done.out)
    assert (report["schema"], {check.get("account") for check in report["checks"]}) == (1, {None, 1})
    private = [ALICE, "example.org", "alice", str(alice.world.root), "Wonderland", "Cupboard", "Rabbithole"]
    private += [name for name in (getpass.getuser(), platform.node()) if len(name) > 3]
    assert [part for part in [*private, alice.entra.tenant] if part.lower() in done.out.lower()] == []
