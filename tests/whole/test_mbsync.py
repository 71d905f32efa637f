"""mbsync fetches mail with the very text that ``config mbsync`` prints."""

from __future__ import annotations

import base64
import dataclasses
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.folders import utf7
from offlineimap_m365.knowledge import tables
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.targets import defaults
from tests.m365.exchange.folders import holds_mail
from tests.mail_servers import ImapServer
from tests.signed_in_accounts import TOKEN
from tests.whole.mail_user import ALICE, ARRANGEMENTS, FOLDERS, note_calls, odd_names, subjects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import trustme

    from tests.whole.mail_user import Arrangement, MailUser
    from tests.world import Outcome, World

TEAM, SUBJECTS = "team@example.org", [f"Mail {number}" for number in range(8)]
FINNISH_MAIL = {"INBOX", "Luonnokset", "L\u00e4hetetyt", "Poistetut", "T\u00e4rke\u00e4/Kalenteri"}
FINNISH_ITEMS = {"Kalenteri", "Yhteystiedot", "L\u00e4htev\u00e4t"}
#: Of an IMAP server that takes whatever it is handed.
ANSWERS = {"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\nTAG OK done\r\n"}


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[ImapServer]:
    """Run an IMAP server that writes down what it is sent."""
    with ImapServer(ca, ANSWERS, last="LOGOUT") as made:
        yield made


def answer_of(server: ImapServer) -> bytes:
    """Return what the server was handed to sign in."""
    return base64.b64decode(server.received.split(b"AUTHENTICATE XOAUTH2\r\n")[1].split(b"\r\n")[0])


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
        shared_user.deliver(TEAM, *SUBJECTS)
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


def test_a_run_that_outlives_its_token_is_gone_on_with(mbsync: MailUser) -> None:
    """When Exchange closes a session whose token died, mbsync stops; its next run fetches the rest, nothing twice."""
    mbsync.configure(".mbsyncrc", ALICE, "mbsync", TEAM)
    mbsync.exchange.slow_seconds = 0.5
    with ThreadPoolExecutor() as pool:
        first = pool.submit(sync, mbsync.world)
        mbsync.wait_until(lambda: list(mbsync.home.glob("Mail/mbsync/team/INBOX/new/*")))
        mbsync.exchange.end_sessions()
        cut = first.result()
    some = fetched(mbsync, "team")["INBOX"]
    mbsync.exchange.slow_seconds = 0

    done = sync(mbsync.world)

    assert (cut.code, done.code) == (1, 0), done.err
    assert 0 < len(some) < len(SUBJECTS)
    assert fetched(mbsync, "team")["INBOX"] == SUBJECTS


def test_a_token_as_long_as_the_data_say_is_sent_whole(
    world: World, server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many characters of a token reach the server; of more, mbsync reads the beginning only."""
    longest = tables.load("programs")["programs"]["mbsync"]["longest_token"]
    monkeypatch.setattr(stub, "command", lambda: ["/bin/sh", "-c", f"printf '%0{longest}d\\n' 0"])

    sync_with(world, server)

    assert answer_of(server) == f"user={ALICE}\1auth=Bearer {'0' * longest}\1\1".encode()


def test_a_server_that_is_another_gets_no_token(world: World, ca: trustme.CA) -> None:
    """With what config prints, mbsync hands nothing to a server whose certificate is for another host."""
    with ImapServer(ca, ANSWERS, host="elsewhere.example", last="LOGOUT") as server:
        done = sync_with(world, server)

        assert done.code != 0
        assert "certificate" in done.err
        assert server.received == b""


def test_a_sign_in_that_is_gone_reaches_the_person(world: World, ca: trustme.CA) -> None:
    """Without a token nothing is handed to the server, and what mbsync shows has the command that helps."""
    with ImapServer(ca) as server:
        done = sync_with(world, server)

        assert done.code != 0
        assert f"offlineimap-m365 login {ALICE}" in done.err
        assert "AUTHENTICATE" not in server.commands


@odd_names(40)
def test_mbsync_reads_back_what_was_meant(
    world: World, server: ImapServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """However odd an address is, mbsync signs in as that address, and its shell asks for that account's token."""
    noted = note_calls(world, monkeypatch)
    server.received = b""

    sync_with(world, server, name)

    assert answer_of(server) == f"user={name}\1auth=Bearer token\1\1".encode()
    assert noted.read_text(encoding="utf-8").splitlines() == ["token", name]
