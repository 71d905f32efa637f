"""mbsync fetches mail with the very text that ``config mbsync`` prints."""

from __future__ import annotations

import base64
import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.folders import utf7
from offlineimap_m365.recipes.targets import defaults
from tests.m365.exchange.folders import holds_mail
from tests.mail_servers import ImapServer
from tests.signed_in_accounts import TOKEN
from tests.whole.mail_user import ALICE, ARRANGEMENTS, FOLDERS, note_calls, odd_names, subjects

if TYPE_CHECKING:
    from collections.abc import Mapping

    import trustme

    from tests.whole.mail_user import Arrangement, MailUser
    from tests.world import Outcome, World

TEAM = "team@example.org"
FINNISH_MAIL = {"INBOX", "Luonnokset", "L\u00e4hetetyt", "Poistetut", "T\u00e4rke\u00e4/Kalenteri"}
FINNISH_ITEMS = {"Kalenteri", "Yhteystiedot", "L\u00e4htev\u00e4t"}
#: Of an IMAP server that takes whatever it is handed.
ANSWERS = {"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\nTAG OK done\r\n"}


def sync(world: World, environ: Mapping[str, str] | None = None) -> Outcome:
    """Do what the first lines of the file say."""
    text = (Path(world.environ["HOME"]) / ".mbsyncrc").read_text(encoding="utf-8")
    command = text.partition("# Then: ")[2].partition("\n")[0]
    assert command.endswith(" && mbsync -a")
    return world.execute(["/bin/sh", "-c", command], environ=environ)


def sync_with(world: World, server: ImapServer, name: str = ALICE) -> Outcome:
    """Write what ``config`` prints for *name*, with *server* in Exchange's place, and sync."""
    text = recipes.render("mbsync", dataclasses.replace(defaults(name), imap=server.address))
    (Path(world.environ["HOME"]) / ".mbsyncrc").write_text(text, encoding="utf-8")
    return sync(world)


@pytest.fixture
def mbsync(shared_user: MailUser) -> MailUser:
    """Return a user without a Maildir, who may open one more mailbox."""
    shutil.rmtree(shared_user.home / "Mail", ignore_errors=True)
    if not shared_user.exchange.has_mailbox(TEAM):
        shared_user.exchange.add_folders(TEAM, dict.fromkeys([*FINNISH_MAIL, *FINNISH_ITEMS], ()))
        shared_user.exchange.grant(ALICE, TEAM)
    return shared_user


def fetched(user: MailUser, section: str) -> dict[str, list[str]]:
    """Return the subjects in each folder of a Maildir."""
    top = user.home / "Mail/mbsync" / section
    return {utf7.decode(str(cur.parent.relative_to(top))): subjects(cur.parent) for cur in top.rglob("cur")}


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_mbsync_fetches(mbsync: MailUser, arrangement: Arrangement) -> None:
    """With cron's environment all mail comes and nothing else, and a dead token is renewed by one request."""
    mbsync.prepare("mbsync", ".mbsyncrc", arrangement)
    mbsync.let_token_die(arrangement.account)

    done = sync(mbsync.world, mbsync.in_cron())

    assert done.code == 0, done.err
    mail = [folder for folder in FOLDERS if holds_mail(folder)]
    assert fetched(mbsync, arrangement.section) == {"INBOX": ["Lunch"], **{folder: [] for folder in mail}}
    assert mbsync.opened() == {arrangement.mailbox}
    assert mbsync.entra.count(TOKEN) == 1


def test_mbsync_fetches_several_mailboxes_without_what_was_learnt(mbsync: MailUser) -> None:
    """The folders of a mailbox in another language are left out as they were found, however they are spelt there."""
    assert mbsync.world.run("folders", ALICE, "--mailbox", TEAM, "--learn").code == 0
    mbsync.configure(".mbsyncrc", ALICE, "mbsync", ALICE, TEAM)

    done = sync(mbsync.world)

    assert done.code == 0, done.err
    assert set(fetched(mbsync, "team")) == FINNISH_MAIL
    assert fetched(mbsync, "alice")["INBOX"] == ["Lunch"]


def test_a_server_that_is_another_gets_no_token(world: World, ca: trustme.CA) -> None:
    """With what config prints, mbsync hands nothing to a server whose certificate is for another host."""
    with ImapServer(ca, ANSWERS, host="elsewhere.example", last="LOGOUT") as server:
        done = sync_with(world, server)

        assert done.code != 0
        assert "certificate" in done.err
        assert server.received == b""


@odd_names(40)
def test_mbsync_reads_back_what_was_meant(
    world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """However odd an address is, mbsync signs in as that address, and its shell asks for that account's token."""
    noted = note_calls(world, monkeypatch)
    with ImapServer(ca, ANSWERS, last="LOGOUT") as server:
        sync_with(world, server, name)

    answer = server.received.split(b"AUTHENTICATE XOAUTH2\r\n")[1].split(b"\r\n")[0]
    assert base64.b64decode(answer) == f"user={name}\1auth=Bearer token\1\1".encode()
    assert noted.read_text(encoding="utf-8").splitlines() == ["token", name]
