"""aerc reads and sends mail with the very text that ``config`` prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests import certificates
from tests.whole.mail_user import ARRANGEMENTS, BOB, Arrangement, find, on_screen

if TYPE_CHECKING:
    from tests.whole.mail_user import MailUser

ODD = "a#b'c`d$HOME%20|&+?/e{f}=*!~^@example.org"


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_aerc_reads_and_sends(shared_user: MailUser, arrangement: Arrangement) -> None:
    """The mailbox opens and a mail is read; another is sent by who may, and no second copy of it is kept."""
    shared_user.prepare("aerc", ".config/aerc/accounts.conf", arrangement)
    editor = certificates.write(shared_user.world.root / "editor", '#!/bin/sh\necho "Tomorrow?" >>"$1"\n', mode=0o755)

    with on_screen(
        shared_user.world, find("aerc"), XDG_CONFIG_HOME=str(shared_user.home / ".config"), EDITOR=str(editor)
    ) as screen:
        screen.expect("Lunch")
        screen.send(f":compose -H 'To: {BOB}' -H 'Subject: Lunch'\r")
        screen.expect("Send this email")
        screen.send(":send\r")
        shared_user.wait_until(lambda: shared_user.exchange.outbox)
        screen.expect("Lunch")
        screen.send("\r")
        screen.expect("Today")

    assert shared_user.opened() == {arrangement.mailbox}
    assert shared_user.sent() == [(arrangement.sender, arrangement.mailbox, (BOB,))]
    assert b"Tomorrow?" in shared_user.exchange.outbox[0].data
    assert shared_user.exchange.contents(arrangement.mailbox)["Sent Items"] == []


def test_aerc_reads_back_what_was_meant(shared_user: MailUser) -> None:
    """An address full of what parsers and shells stumble over reaches the token's command and the server whole."""
    noted = shared_user.world.root / "noted"
    text = f'#!/bin/sh\nprintf "%s\\n" "$@" >{noted}\necho token\n'
    script = certificates.write(shared_user.world.root / "script", text, mode=0o755)
    at = shared_user.prepare("aerc", ".config/aerc/accounts.conf", Arrangement("odd", ODD, ODD, ODD))
    text = at.read_text(encoding="utf-8").replace(shlex.join(shared_user.world.command), str(script))
    at.write_text(
        text.replace("outlook.office365.com:993", f"localhost:{shared_user.exchange.imap_port}"), encoding="utf-8"
    )

    with on_screen(shared_user.world, find("aerc"), XDG_CONFIG_HOME=str(shared_user.home / ".config")) as screen:
        screen.expect("AUTHENTICATE")

    assert noted.read_text(encoding="utf-8").splitlines() == ["token", ODD]
    assert {refusal.user for refusal in shared_user.exchange.refusals} == {ODD}
