"""mutt and neomutt read and send mail with the very text that ``config`` prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes import template_values
from offlineimap_m365.recipes.targets import defaults
from tests.whole.mail_user import ARRANGEMENTS, BOB, find, odd_names, on_screen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.whole.mail_user import Arrangement, MailUser
    from tests.world import World

VARIABLES = ("imap_user", "imap_oauth_refresh_command", "smtp_url")


@pytest.fixture(params=["mutt", "neomutt"])
def mutt(request: pytest.FixtureRequest) -> str:
    """Return each of the two programs in turn."""
    return str(request.param)


def configured(shared_user: MailUser, mutt: str, arrangement: Arrangement) -> list[str | Path]:
    """Return the command that starts *mutt* with what ``config`` prints, and nothing else."""
    at = shared_user.prepare(mutt, f".{mutt}rc", arrangement)
    return [find(mutt), "-n", "-F", at]


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_mutt_reads_and_sends(shared_user: MailUser, mutt: str, arrangement: Arrangement) -> None:
    """The mailbox opens and a mail is read; another is sent by who may, and no second copy of it is kept."""
    command = configured(shared_user, mutt, arrangement)

    with on_screen(shared_user.world, *command) as screen:
        screen.expect("Lunch")
        screen.send("\r")
        screen.expect("Today")
        screen.send("qx")
    words = [str(word) for word in (*command, "-s", "Lunch", BOB)]
    terminal = {**shared_user.world.environ, "TERM": "xterm"}
    done = shared_user.world.execute(words, stdin="Tomorrow?\n", environ=terminal)

    assert done.code == 0, done.err
    assert shared_user.opened() == {arrangement.mailbox}
    assert shared_user.sent() == [(arrangement.sender, arrangement.mailbox, (BOB,))]
    assert b"Tomorrow?" in shared_user.exchange.outbox[0].data
    assert shared_user.exchange.contents(arrangement.mailbox)["Sent Items"] == []


def test_the_mailbox_opens_again_after_its_token_died(shared_user: MailUser, mutt: str) -> None:
    """Exchange ends a session with its token; whoever opens the mailbox again does so with another one."""
    command = configured(shared_user, mutt, ARRANGEMENTS[0])

    with on_screen(shared_user.world, *command, "-e", "set mark_old=no sleep_time=0") as screen:
        screen.expect("Lunch")
        shared_user.renew()
        shared_user.exchange.end_sessions()
        shared_user.wait_until(lambda: shared_user.exchange.sessions[0].closed_by)
        screen.send("c+INBOX\r")
        shared_user.wait_until(lambda: len(shared_user.exchange.sessions) > 1)

    first, second, *_ = shared_user.exchange.sessions
    assert first.closed_by == "bye"
    assert first.token_sha256 != second.token_sha256
    assert shared_user.exchange.refusals == []


@odd_names(20)
def test_mutt_reads_back_what_was_meant(world: World, monkeypatch: pytest.MonkeyPatch, mutt: str, name: str) -> None:
    """However odd an address is, the program has that very text in its variables, and the token's command for it."""
    # mutt shows no more than 255 characters of a variable
    monkeypatch.setattr(stub, "command", lambda: ['/it\'s a \\ $HOME `id` "command"'])
    monkeypatch.setattr(template_values, "home_assignment", lambda: "")
    rc = world.root / "muttrc"
    rc.write_text(recipes.render(mutt, defaults(name)), encoding="utf-8")
    asked = [word for variable in VARIABLES for word in ("-Q", variable)]

    done = world.execute([find(mutt), "-n", "-F", str(rc), *asked])

    shown = dict(re.findall(r'^(?:set )?(\w+) ?= ?"(.*)"$', done.out, re.MULTILINE))
    user, command, url = (re.sub(r"\\(.)", r"\1", shown[variable]) for variable in VARIABLES)
    assert done.err == ""  # neomutt of 20250510 ends with 1 whatever it is asked (neomutt#4649)
    assert user == name
    assert command == recipes.token_command(name)
    assert unquote(url.split("//")[1].split("@")[0]) == name
