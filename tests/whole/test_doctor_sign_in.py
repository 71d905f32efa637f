"""A set-up broken in the home, in the store or at the provider: the doctor names it, and its advice heals it."""

from __future__ import annotations

import getpass
import json
import platform
from typing import TYPE_CHECKING

from tests import certificates
from tests.signed_in_accounts import ALICE, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.whole.advice_follower import AdviceFollower
    from tests.whole.keyring_daemon import Desktop

BOB = "bob@example.org"


def test_what_a_sign_in_heals_is_named_alone_and_healed(follower: AdviceFollower) -> None:
    """A profile or cache that is none or another's, a sign-out, a changed password, a consent that was taken back."""
    folder, entra = follower.world.folder(ALICE), follower.entra
    follower.sign_in(BOB)
    bobs = (follower.world.folder(BOB) / "cache.json").read_bytes()
    follower.run(f"offlineimap-m365 logout {BOB} --all")
    broken: list[tuple[str, Callable[[], object]]] = [
        ("profile", lambda: certificates.write(folder / "profile.json", "{")),
        ("store", lambda: certificates.write(folder / "cache.json", "{")),
        ("sign-in", lambda: follower.run(f"offlineimap-m365 logout {ALICE}")),
        ("refresh", lambda: entra.revoke(ALICE)),
        ("refresh", lambda: entra.refuse(ALICE, 65001)),
        ("token", lambda: (folder / "cache.json").write_bytes(bobs)),
    ]
    for name, break_it in broken:
        break_it()

        follower.follow(follower.only(name))

    assert follower.has_no_failure()
    assert not (follower.world.folder(BOB)).exists()


def test_the_doctor_asks_the_provider_once(follower: AdviceFollower) -> None:
    """One refresh, also of a token that was issued a moment ago; offline there is none."""
    assert follower.has_no_failure()
    asked = follower.entra.count(TOKEN)
    follower.entra.forget()

    assert follower.has_no_failure("--offline")
    assert asked == 1
    assert follower.entra.requests == []


def test_a_keyring_that_is_locked(follower: AdviceFollower, desktop: Desktop) -> None:
    """It is called locked; once it is unlocked, as the remedy says first, the sign-in moves to a file for good."""
    follower.world.environ["DBUS_SESSION_BUS_ADDRESS"] = desktop.address
    follower.run(f"offlineimap-m365 store {ALICE} --to keyring")
    desktop.lock()

    check = follower.only("store")
    desktop.restart_keyring()
    follower.follow(check)
    desktop.lock()

    assert "the keyring is locked" in check["meaning"]
    assert check["remedy"].startswith("Unlock it")
    assert follower.has_no_failure()


def test_a_report_names_nobody(follower: AdviceFollower) -> None:
    """No address, path, id, or name of the user and the machine, with a failure and an offlineimaprc in it."""
    config = follower.world.root / "home" / ".offlineimaprc"
    config.write_text(
        f"[general]\naccounts = Wonderland\n[Account Wonderland]\nlocalrepository = Cupboard\n"
        f"remoterepository = Rabbithole\n[Repository Rabbithole]\ntype = IMAP\nremoteuser = {ALICE}\n",
        encoding="utf-8",
    )
    follower.entra.revoke(ALICE)

    done = follower.say("doctor", "--report", "--config", config)

    follower.keeps_secrets(done)
    assert done.code == 1, done.err
    report = json.loads(done.out)
    assert (report["schema"], {check.get("account") for check in report["checks"]}) == (1, {None, 1})
    private = [ALICE, "example.org", "alice", str(follower.world.root), "Wonderland", "Cupboard", "Rabbithole"]
    private += [name for name in (getpass.getuser(), platform.node()) if len(name) > 3]
    assert [part for part in [*private, follower.entra.tenant] if part.lower() in done.out.lower()] == []
