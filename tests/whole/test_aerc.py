"""aerc reads and sends mail with the very text that ``config`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.whole.office import ARRANGEMENTS, BOB, on_screen, program

if TYPE_CHECKING:
    from tests.whole.office import Arrangement, Office


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_aerc_reads_and_sends(office: Office, arrangement: Arrangement) -> None:
    """The mailbox opens and a mail is read; another is sent by who may, and no second copy of it is kept."""
    office.configure("aerc", Path(office.world.environ["XDG_CONFIG_HOME"]) / "aerc/accounts.conf", arrangement)
    editor = office.world.root / "editor"
    editor.write_text('#!/bin/sh\necho "Today?" >>"$1"\n', encoding="utf-8")
    editor.chmod(0o755)

    with on_screen(office.world, program("aerc"), EDITOR=str(editor)) as screen:
        screen.expect("Lunch on Friday")
        screen.send(f":compose -H 'To: {BOB}' -H 'Subject: Lunch'\r")
        screen.expect("Send this email")
        screen.send(":send\r")
        office.wait_for_mail()
        screen.expect("Lunch on Friday")
        screen.send("\r")
        screen.expect("At-noon")

    assert office.opened() == {arrangement.mailbox}
    assert office.sent() == [(arrangement.sender, arrangement.mailbox, (BOB,))]
    assert b"Today?" in office.exchange.outbox[0].data
    assert office.exchange.contents(arrangement.mailbox)["Sent Items"] == []
