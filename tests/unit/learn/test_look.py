"""Looking at a mailbox: what a terminal shows meanwhile."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from offlineimap_m365.folders.folder_filter import load_table
from offlineimap_m365.learn.look import look
from tests import signed_in_accounts
from tests.mail_servers import OK, ImapServer
from tests.unit.terminal_output import Screen

if TYPE_CHECKING:
    import pytest
    import trustme

    from tests.world import World


def test_many_folders_are_announced_with_their_number(
    world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of folders and the progress are shown; how long it takes depends on the server and is not told."""
    lines = [b'* LIST () "/" "Folder %d"' % number for number in range(600)]
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")

    with ImapServer(ca, {"LIST": b"\r\n".join([*lines, OK]), "EXAMINE": b"TAG NO no\r\n"}) as server:
        view = look(signed_in_accounts.invent(imap=server.address), "alice@example.org", "token", load_table())

    assert len(view.folders) == 600
    assert "has 600 folders" in screen.text
    assert "Counting messages: 592 of 600 folders" in screen.text
    assert not re.search(r"\d+ s\b|minute", screen.text)
