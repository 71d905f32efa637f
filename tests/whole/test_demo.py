"""What tests/try shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import demo
from tests.m365.exchange import FOLDERS

if TYPE_CHECKING:
    from tests.whole.sync import Sync


def test_the_demonstration_works_and_says_so(sync: Sync) -> None:
    """The command that shows the whole way goes it to the end, with every build of OfflineIMAP."""
    sync.exchange.add_mailbox(demo.ALICE, FOLDERS)
    sync.exchange.fill(demo.ALICE, per_folder=1)
    said: list[str] = []

    worked = demo.show(sync, said.append)

    assert worked, "\n".join(said)
    assert "All of it worked." in said[-1]
    assert any("Calendar redesign" in line for line in said)
