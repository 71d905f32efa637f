"""The usual arrangements, as the lines of the sample and of ``config`` have them, in real syncs."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.whole.mail_user import ALICE, APP, BACKUP, BOB, INFO, SECRET, sign_in_application
from tests.whole.sync import letter

if TYPE_CHECKING:
    from tests.whole.sync import Sync


@pytest.fixture
def ready(sync: Sync) -> Sync:
    """Return a user with mail, signed in, with the sample filled in."""
    sync.entra.access_token_seconds = 3600
    folders = ("INBOX", "Sent Items", "Drafts", "Archive/2019", "Archives", "Calendar")
    sync.exchange.add_mailbox(ALICE, folders)
    sync.exchange.fill(ALICE, per_folder=1)
    sync.sign_in()
    sync.configure()
    return sync


def files(sync: Sync) -> dict[str, int]:
    """Return every message's file here, with its inode: a mail that is fetched again has another."""
    top = sync.maildir()
    return {str(path.relative_to(top)): path.stat().st_ino for path in top.rglob("*") if path.is_file()}


def test_a_backup_leaves_the_server_alone(ready: Sync) -> None:
    """Local changes stay local, without a message and with exit code 0; changes on the server arrive."""
    ready.rc.write_text(ready.rc.read_text(encoding="utf-8").replace("#readonly = ", "readonly = "), encoding="utf-8")
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
    with ready.exchange.open(ALICE) as box:
        box.select_folder("Sent Items")
        box.delete_messages(box.search())
        box.expunge()
    third = ready.run()

    assert [done.code for done in (first, second, third)] == [0, 0, 0], third.out
    assert not re.search("(?i)read-?only", second.out + second.err)
    assert there == before
    assert ready.in_maildir()["INBOX"] == Counter([letter("came")])
    assert ready.in_maildir()["Sent Items"] == Counter()
    assert sum(ready.in_maildir()["Made here"].values()) == 2


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
    assert {path.split("/")[0] for path in before} >= {"Archive.2019", "Calendar"}


@pytest.mark.matrix
def test_one_token_of_an_application_fetches_all_its_mailboxes(sync: Sync) -> None:
    """With what ``config --mailbox @FILE`` prints; a mailbox that is not granted any more does not stop the others."""
    for address in (INFO, BOB):
        sync.exchange.add_mailbox(address)
        sync.exchange.fill(address, per_folder=1)
    sync.entra.access_token_seconds = 3600
    sign_in_application(sync.world, sync.entra, sync.exchange, BOB, INFO)
    listed = sync.world.root / "mailboxes"
    listed.write_text(f"# all that are backed up\n{BOB}\n{INFO}\n", encoding="utf-8")
    sync.rc.write_text(sync.world.run("config", BACKUP, "offlineimap", "--mailbox", f"@{listed}").out, "utf-8")

    done = sync.run(sections=("info", "bob"))
    fetched = [sync.in_maildir("info"), sync.in_maildir("bob")]
    sync.exchange.revoke(APP, BOB)
    sync.exchange.deliver(INFO, "INBOX", letter("later"))
    later = sync.run(sections=("info", "bob"))

    assert done.code == 0, done.out + done.err
    assert fetched[1] == sync.on_server(BOB)
    assert sync.entra.count("oauth2/v2.0/token") == 0
    assert len({session.token_sha256 for session in sync.exchange.sessions}) == 1
    assert SECRET not in done.out + done.err + later.out + later.err
    assert later.code != 0
    assert sync.in_maildir("info") == sync.on_server(INFO) != fetched[0]
