"""Why did it fail at 3 a.m.? What ``status -v`` and ``explain`` tell after a sync that nobody watched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.in_process import run, sign_in
from tests.sign_in import options
from tests.signed_in_accounts import ALICE, TOKEN

if TYPE_CHECKING:
    from tests.whole.sync import Sync


def log_in(sync: Sync) -> None:
    """Sign Alice in."""
    done = sign_in(sync.entra, ALICE, "login", ALICE, *options(sync.entra))
    assert done.code == 0, done.err


def test_a_refusal_in_a_sync_is_told_afterwards(sync: Sync) -> None:
    """When it was, Microsoft's code and correlation id, what it means and what to do; after the repair, what was."""
    sync.exchange.add_mailbox(ALICE)
    log_in(sync)
    sync.configure()
    sync.world.age(ALICE, left=-10)
    sync.entra.revoke(ALICE)
    assert sync.run().code != 0
    refused = sync.entra.count(TOKEN)

    told = run("status", "-v")
    explained = run("explain")
    [account] = json.loads(run("status", "--json", "-v").out)["accounts"]
    plain = json.loads(run("status", "--json").out)["accounts"][0]
    log_in(sync)
    afterwards = run("explain", ALICE)
    later = run("status", "-v")

    login, failed = account["events"]
    assert (login["what"], failed["what"], failed["code"]) == ("login", "failed", "AADSTS50173")
    assert account["correlation_id"] == failed["correlation_id"]
    assert "events" not in plain
    row = next(line for line in told.out.splitlines() if "AADSTS50173" in line)
    assert row.split()[:4] == [failed["time"], "failed", "AADSTS50173", failed["correlation_id"]]
    assert f"correlation id {failed['correlation_id']}" in explained.out
    assert "AADSTS50173" in explained.out
    assert f"Run: offlineimap-m365 login {ALICE}" in explained.out
    assert "the last request succeeded" in afterwards.out
    assert f"offlineimap-m365 status -v {ALICE}" in afterwards.out
    assert row in later.out
    assert sync.entra.count(TOKEN) == refused + 1  # of the login: who asks why asks nobody else
