"""Mailboxes in Hebrew, Dutch and Chinese, synced with what ``config`` prints, in both encodings of folder names."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from imapclient import imap_utf7

from offlineimap_m365.folders.utf7 import encode
from tests.m365.exchange.mail import make_message, stand_in
from tests.unit.learn.test_classify import TABLE, mailbox
from tests.whole.mail_user import ALICE
from tests.whole.sync import plain

if TYPE_CHECKING:
    from tests.whole.sync import Sync

ITEMS = ("calendar", "contacts", "tasks", "notes", "journal", "outbox")
#: What other programs call them.
LOCAL = {"sent_items": "Sent", "deleted_items": "Trash", "junk_email": "Junk"}
#: A name of no language, beyond ASCII in both encodings.
OWN = "Käse & 乳酪"


@dataclasses.dataclass(frozen=True)
class Mailbox:
    """One language's mailbox; *mail* and *items* are its folders, as people read them."""

    language: str
    mail: tuple[str, ...]
    items: tuple[str, ...]

    @classmethod
    def of(cls, language: str) -> Mailbox:
        """Make one with every default folder, children, and names that only look as if they were no mail."""
        _, item, *others = mailbox(language, ITEMS)
        _, sent, *rest = mailbox(language, tuple(LOCAL))
        own = (OWN, f"INBOX/{item}", f"{OWN}/{item}", f"{item}-{OWN}", f"{sent}/2024")
        elsewhere = "Agenda" if language != "nl" else "Note"
        return cls(language, ("INBOX", sent, *rest, *own, elsewhere), (item, f"{item}/{OWN}", *others))

    @property
    def section(self) -> str:
        """What ``config`` calls it."""
        return self.language.lower()

    @property
    def address(self) -> str:
        """Whose it is: a mailbox that Alice may open."""
        return f"{self.section}@example.org"

    def local_name(self, folder: str) -> str:
        """Return the local name of *folder* once the mailbox was learnt."""
        first, slash, below = folder.partition("/")
        kinds = {row["name"]: row["kind"] for row in TABLE["names"] if row["language"] == self.language}
        return LOCAL.get(kinds.get(first, ""), first) + slash + below


MAILBOXES = tuple(map(Mailbox.of, ("he", "nl", "zh-CN")))


@pytest.fixture
def polyglot(sync: Sync) -> Sync:
    """Return a user who may open all of these mailboxes, signed in."""
    sync.entra.access_token_seconds = 3600
    sync.exchange.add_mailbox(ALICE, [])
    sync.sign_in()
    for box in MAILBOXES:
        mail = {folder: [b"Received: from a.example\r\n" + make_message(ALICE, folder, 0)] for folder in box.mail}
        items = {folder: [stand_in(ALICE, 1, f"An item of {folder}")] for folder in box.items}
        sync.exchange.add_folders(box.address, mail | items)
        sync.exchange.grant(ALICE, box.address)
    return sync


def configure(sync: Sync, *, utf8: bool) -> None:
    """Write what ``config`` prints, with what was learnt of each mailbox."""
    addresses = [word for box in MAILBOXES for word in ("--mailbox", box.address)]
    head, *sections = sync.world.run("config", ALICE, "offlineimap", *addresses).out.split("[Account ")
    for box, text in zip(MAILBOXES, sections, strict=True):
        section = text.replace("localrepository", f"utf8foldernames = {utf8}\nlocalrepository", 1)
        pair = f'make_nametrans(account="{ALICE}", mailbox="{box.address}", utf8={utf8})'
        for number, side in enumerate(("remote", "local")):
            section = section.replace(f"#nametrans = nametrans_{side}", f"nametrans = {pair}[{number}]")
        head += f"[Account {section}"
    sync.rc.write_text(head, encoding="utf-8")


def run(sync: Sync) -> None:
    """Sync all mailboxes once, without a complaint."""
    done = sync.run(sections=[box.section for box in MAILBOXES])
    assert done.code == 0, done.out + done.err


def here(sync: Sync, box: Mailbox) -> dict[str, Counter[bytes]]:
    """Return what lies in a Maildir, by folders as people read them."""
    held = sync.in_maildir(box.section)
    return {imap_utf7.decode(name.encode()) if name.isascii() else name: found for name, found in held.items()}


def there(sync: Sync, box: Mailbox) -> dict[str, Counter[bytes]]:
    """Return what the server holds."""
    return {folder: Counter(map(plain, held)) for folder, held in sync.exchange.contents(box.address).items()}


def mail_of(sync: Sync, box: Mailbox) -> dict[str, Counter[bytes]]:
    """Return what is to lie here once the mailbox was learnt: the server's mail under its local names."""
    return {box.local_name(folder): held for folder, held in there(sync, box).items() if folder not in box.items}


@pytest.mark.parametrize("utf8", [False, True], ids=["utf7", "utf8"])
def test_exactly_the_mail_goes_both_ways_once_it_was_learnt(polyglot: Sync, *, utf8: bool) -> None:
    """
    After folders --learn: all mail and nothing else, under names that other programs know.

    A mail that is moved here moves there, and a folder made here is made there, once, under the name that it has here.
    """
    for box in MAILBOXES:
        assert polyglot.world.run("folders", ALICE, "--mailbox", box.address, "--learn").code == 0
    configure(polyglot, utf8=utf8)
    before = {box: there(polyglot, box) for box in MAILBOXES}

    run(polyglot)
    assert {box: here(polyglot, box) for box in MAILBOXES} == {box: mail_of(polyglot, box) for box in MAILBOXES}
    assert {box: there(polyglot, box) for box in MAILBOXES} == before
    for box in MAILBOXES:
        new = polyglot.maildir(box.section) / (str if utf8 else encode)(f"Made here {OWN}")
        for part in ("cur", "new", "tmp"):
            (new / part).mkdir(parents=True)
        mail = next((new.parent / "INBOX/new").iterdir())
        mail.rename(new / "new" / mail.name.partition(",")[0])
    run(polyglot)

    for box in MAILBOXES:
        after = there(polyglot, box)
        assert here(polyglot, box) == mail_of(polyglot, box)
        assert set(after) - set(before[box]) == {f"Made here {OWN}"}
        assert [sum(after[folder].values()) for folder in (f"Made here {OWN}", "INBOX")] == [1, 0]
        assert sum(after.values(), Counter()) == sum(before[box].values(), Counter())
