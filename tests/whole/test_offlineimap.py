"""The main job: OfflineIMAP syncs a mailbox with tokens of this package, on every build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.whole.sync import Sync

pytestmark = pytest.mark.matrix


def test_a_first_sync_brings_all_mail_and_nothing_else(sync: Sync) -> None:
    """What lies in the Maildir is what the server holds, message by message, without calendars and the like."""
    sync.exchange.add_mailbox("alice@example.org")
    sync.exchange.fill("alice@example.org", per_folder=3)
    sync.sign_in()
    sync.configure()

    done = sync.run()

    assert done.code == 0, done.out + done.err
    assert sync.here() == sync.there()
    assert {"INBOX/Notes", "Calendars of the team", "Projects/Calendar redesign", "Contacts-old"} <= set(sync.here())
