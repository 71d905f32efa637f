"""msmtp sends mail with the very text that ``config msmtp`` prints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.targets import defaults
from tests.signed_in_accounts import TOKEN
from tests.whole.mail_user import ALICE, ARRANGEMENTS, BOB, find, note_calls, odd_names

if TYPE_CHECKING:
    from tests.m365.exchange import Exchange
    from tests.whole.mail_user import Arrangement, MailUser
    from tests.world import Outcome, World


def send(world: World, section: str, sender: str, environ: dict[str, str] | None = None) -> Outcome:
    """Send a mail to Bob as *sender*."""
    mail = f"From: {sender}\r\nTo: {BOB}\r\nSubject: Lunch\r\n\r\nTomorrow?\r\n"
    return world.execute([find("msmtp"), "-a", section, BOB], stdin=mail, environ=environ)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_msmtp_sends(shared_user: MailUser, arrangement: Arrangement) -> None:
    """
    With cron's environment, host, certificates and token command work; a dead token is renewed by one request.

    A delegate signs in and the shared mailbox is the sender (Microsoft: XOAUTH2 and SMTP); an application's mailbox is
    user as well as sender (Microsoft: SMTP.SendAsApp).
    """
    shared_user.prepare("msmtp", ".msmtprc", arrangement)
    shared_user.let_token_die(arrangement.account)

    done = send(shared_user.world, arrangement.section, arrangement.mailbox, shared_user.in_cron())

    assert done.code == 0, done.err
    assert shared_user.sent() == [(arrangement.sender, arrangement.mailbox, (BOB,))]
    assert b"Tomorrow?" in shared_user.exchange.outbox[0].data
    assert shared_user.entra.count(TOKEN) == 1


def test_the_longest_token_is_as_long_as_the_data_say(
    world: World, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One character more, and msmtp does not even ask the server; with as many as config allows it does."""
    account = dataclasses.replace(defaults(ALICE), smtp=f"localhost:{exchange.smtp_port}")
    longest = tables.load("programs")["programs"]["msmtp"]["longest_token"] - len(ALICE)
    said = []
    for length in (longest, longest + 1):
        monkeypatch.setattr(stub, "command", lambda length=length: ["/bin/sh", "-c", f"printf %0{length}d 0"])
        rc = Path(world.environ["HOME"]) / ".msmtprc"
        rc.write_text(recipes.render("msmtp", account), encoding="utf-8")
        rc.chmod(0o600)
        said.append(send(world, "alice", ALICE).err)

    assert "authentication failed" in said[0]
    assert "longer than 4094 characters" in said[1]


def test_a_sign_in_that_is_gone_reaches_the_person(shared_user: MailUser) -> None:
    """Without a token nothing is sent, and what msmtp shows has our line with the command that helps."""
    shared_user.prepare("msmtp", ".msmtprc", ARRANGEMENTS[0])
    folder = shared_user.world.folder(ALICE)
    away = folder.rename(shared_user.world.root / "away")

    done = send(shared_user.world, "alice", ALICE)

    away.rename(folder)
    assert done.code != 0
    assert shared_user.sent() == []
    assert f"offlineimap-m365 login {ALICE}" in done.err


@odd_names(60)
def test_msmtp_reads_back_what_was_meant(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """However odd an address is, msmtp and its shell see that address; one that it cannot be told is refused."""
    noted = note_calls(world, monkeypatch)
    try:
        text = recipes.render("msmtp", defaults(name))
    except errors.WrongUsage:
        assert "%" in name
        return
    rc = world.root / "msmtprc"
    rc.write_text(text, encoding="utf-8")
    rc.chmod(0o600)
    section = next(line.split()[1] for line in text.splitlines() if line.startswith("account "))

    done = world.execute([find("msmtp"), "-C", str(rc), "-a", section, "-P"])

    shown = dict(line.split(" = ", 1) for line in done.out.splitlines() if " = " in line)
    assert done.code == 0, done.err
    assert (shown["user"], shown["from"]) == (name, name)
    assert noted.read_text(encoding="utf-8").splitlines() == ["token", name]
