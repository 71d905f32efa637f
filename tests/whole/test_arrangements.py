"""The usual arrangements, as the lines of the shipped sample have them, in real syncs with every build."""

from __future__ import annotations

import email.message
import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.m365.exchange.mail import make_message
from tests.unit.learn.test_language import mailbox
from tests.whole.sync import plain

if TYPE_CHECKING:
    from tests.whole.sync import Sync

ALICE = "alice@example.org"
TEAM = "team@example.org"


@pytest.fixture
def ready(sync: Sync) -> Sync:
    """Return a user with mail, signed in, with the sample filled in."""
    sync.entra.access_token_seconds = 3600
    folders = ("INBOX", "Sent Items", "Drafts", "Archive", "Archive/2019", "Archives", "Calendar", "Contacts")
    sync.exchange.add_mailbox(ALICE, folders)
    sync.exchange.fill(ALICE, per_folder=1)
    sync.sign_in()
    sync.configure()
    return sync


def choose(sync: Sync, beginning: str) -> None:
    """Let the sample's line that starts so count, in place of the one with its name if there is one."""
    text = sync.rc.read_text(encoding="utf-8")
    (line,) = re.findall(rf"^#({re.escape(beginning)}.*)$", text, re.MULTILINE)
    name = line.partition(" = ")[0]
    text = re.sub(rf"^{name} = .*\n", "", text, flags=re.MULTILINE).replace(f"#{line}", line)
    sync.rc.write_text(text, encoding="utf-8")


def letter(subject: str) -> bytes:
    """Return a message."""
    message = email.message.EmailMessage()
    message["Subject"], message["Message-ID"] = subject, f"<{subject}@example.org>"
    message.set_content(subject)
    return message.as_bytes()


def files(sync: Sync) -> dict[str, int]:
    """Return every message's file here, with its inode: a mail that is fetched again has another."""
    top = sync.maildir()
    return {str(path.relative_to(top)): path.stat().st_ino for path in top.rglob("*") if path.is_file()}


def test_a_backup_leaves_the_server_alone(ready: Sync) -> None:
    """Local changes stay local, without a message and with exit code 0; changes on the server arrive."""
    choose(ready, "readonly")
    first = ready.run()
    before = ready.on_server()
    top = ready.maildir()
    next((top / "INBOX" / "new").iterdir()).unlink()
    (top / "Drafts" / "new" / "1.made-here").write_bytes(letter("made-here"))
    shutil.copytree(top / "Drafts", top / "Made here")
    read = next((top / "Archives" / "new").iterdir())
    read.rename(top / "Archives" / "cur" / f"{read.name.partition(':')[0]}:2,S")

    second = ready.run()
    there = ready.on_server()
    ready.exchange.deliver(ALICE, "INBOX", letter("came"))
    with ready.exchange._open(ALICE) as box:  # noqa: SLF001 - nothing else in the tests deletes there
        box.select('"Sent Items"')
        box.store("1", "+FLAGS", "\\Deleted")
        box.expunge()
    third = ready.run()

    assert [done.code for done in (first, second, third)] == [0, 0, 0], third.out
    assert not re.search("(?i)read-?only", second.out + second.err)
    assert there == before
    assert ready.in_maildir()["INBOX"] == Counter([letter("came")])
    assert ready.in_maildir()["Sent Items"] == Counter()
    assert sum(ready.in_maildir()["Made here"].values()) == 2


def test_a_shared_mailbox_in_dutch(ready: Sync) -> None:
    """The configuration that config prints and the line for another language sync exactly the shared mailbox's mail."""
    mail = {*mailbox("nl", ("drafts", "sent_items", "junk_email")), "Werk"}
    folders = mail.union(mailbox("nl", ("calendar", "contacts", "tasks")))
    ready.exchange.add_folders(TEAM, {folder: [make_message(TEAM, folder, 0)] for folder in folders})
    ready.exchange.grant(ALICE, TEAM)
    learnt = ready.world.run("folders", ALICE, "--mailbox", TEAM, "--learn")
    ready.rc.unlink()  # or config says what to add to it
    text = ready.world.run("config", ALICE, "--mailbox", TEAM).out
    ready.rc.write_text(text.replace("~/Mail/team", str(ready.maildir("team"))), encoding="utf-8")
    choose(ready, "folderfilter = make_folderfilter(account=")

    done = ready.run(sections=("team",))

    assert learnt.code == done.code == 0, learnt.err + done.out + done.err
    assert set(ready.in_maildir("team")) == mail
    assert ready.in_maildir("team")["INBOX"] == Counter(map(plain, ready.exchange.contents(TEAM)["INBOX"]))


def test_an_existing_maildir_is_kept(ready: Sync) -> None:
    """With the sep that it was made with nothing is fetched again; what the filter drops stays where it is."""
    text = ready.rc.read_text(encoding="utf-8").replace("sep = /\n", "")
    ready.rc.write_text(text.replace("folderfilter = folderfilter\n", ""), encoding="utf-8")
    first = ready.run()
    before = files(ready)
    ready.rc.write_text(text, encoding="utf-8")

    second = ready.run()

    assert [first.code, second.code] == [0, 0], second.out
    assert files(ready) == before
    assert {path.split("/")[0] for path in before} >= {"Archive.2019", "Calendar", "Contacts"}
