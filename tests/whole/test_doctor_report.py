"""``doctor --report`` of a real set-up: fit to be published, whatever the doctor finds."""

from __future__ import annotations

import getpass
import json
import platform
from typing import TYPE_CHECKING

from tests.whole.advice_follower import ALICE, AdviceFollower

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World


def test_a_report_names_nobody(world: World, entra: Entra, exchange: Exchange) -> None:
    """No address, path, id, or name of the user and the machine, with a failure and an offlineimaprc in it."""
    follower = AdviceFollower.make(world, entra, exchange)
    config = world.root / "home" / ".offlineimaprc"
    config.write_text(
        f"[general]\naccounts = Wonderland\n[Account Wonderland]\nlocalrepository = Cupboard\n"
        f"remoterepository = Rabbithole\n[Repository Rabbithole]\ntype = IMAP\nremoteuser = {ALICE}\n",
        encoding="utf-8",
    )
    tenant = json.loads((world.folder(ALICE) / "profile.json").read_text(encoding="utf-8"))["tenant"]
    entra.revoke(ALICE)

    done = follower.world.run("doctor", "--report", "--config", config)

    follower.keeps_secrets(done)
    assert done.code in (0, 1), done.err
    report = json.loads(done.out)
    assert (report["schema"], {check.get("account") for check in report["checks"]}) == (1, {None, 1})
    private = [ALICE, "example.org", "alice", str(world.root), "Wonderland", "Cupboard", "Rabbithole", tenant]
    private += [name for name in (getpass.getuser(), platform.node()) if len(name) > 3]
    assert [part for part in private if part and part.lower() in done.out.lower()] == []
