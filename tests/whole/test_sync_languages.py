"""Mailboxes in Hebrew, Dutch and Chinese, synced in both encodings."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.folders.utf7 import encode
from tests.m365.exchange.folders import decode
from tests.m365.exchange.mail import make_message, stand_in
from tests.unit.learn.test_language import TABLE, mailbox
from tests.whole.mail_user import ALICE
from tests.whole.sync import plain

if TYPE_CHECKING:
    from tests.whole.sync import Sync

LANGUAGES = ("he", "nl", "zh-CN")
ITEMS = ("calendar", "contacts", "tasks", "notes", "journal", "outbox")
#: What other programs call them.
LOCAL = {"sent_items": "Sent", "deleted_items": "Trash", "junk_email": "Junk"}
#: A word that no language of the table has, beyond ASCII in both encodings.
OWN = "Käse & 乳酪"

SECTION = """
[Account {section}]
localrepository = {section}-local
remoterepository = {section}-remote
utf8foldernames = {utf8}

[Repository {section}-local]
type = Maildir
localfolders = {maildir}
sep = /
{local}

[Repository {section}-remote]
type = IMAP
remotehost = outlook.office365.com
remoteuser = {mailbox}
ssl = yes
sslcacertfile = /etc/ssl/certs/ca-certificates.crt
auth_mechanisms = XOAUTH2
oauth2_access_token_eval = get_access_token("alice@example.org", 1800)
{remote}
"""


@dataclasses.dataclass(frozen=True)
class Mailbox:
    """One language's mailbox; *mail* and *items* are its folders, as people read them."""

    language: str
    mail: tuple[str, ...]
    items: tuple[str, ...]

    @property
    def address(self) -> str:
        """Whose it is: a mailbox that Alice may open."""
        return f"{self.language.lower()}@example.org"

    @classmethod
    def of(cls, language: str) -> Mailbox:
        """Make one with every default folder, children, and names that only look as if they were no mail."""
        _, item, *others = mailbox(language, ITEMS)
        _, sent, *rest = mailbox(language, tuple(LOCAL))
        own = (OWN, f"INBOX/{item}", f"{OWN}/{item}", f"{item}-{OWN}", f"{sent}/2024")
        elsewhere = ("Agenda",) if language != "nl" else ("Note",)
        return cls(language, ("INBOX", sent, *rest, *own, *elsewhere), (item, f"{item}/{OWN}", *others))

    def called_here(self, folder: str) -> str:
        """Return the local name of *folder* once the mailbox was learnt."""
        first, slash, below = folder.partition("/")
        kinds = {row["name"]: row["kind"] for row in TABLE["names"] if row["language"] == self.language}
        return LOCAL.get(kinds.get(first, ""), first) + slash + below


#: Words that count only if the language is known.
DOUBTFUL = {row["name"] for row in TABLE["names"] if row.get("ambiguous")}
MAILBOXES = tuple(Mailbox.of(language) for language in LANGUAGES)


ENCODINGS = {"utf7": "no", "utf8": "yes"}
SECTIONS = {f"{box.language}-{encoding}": box for box in MAILBOXES for encoding in ENCODINGS}


@pytest.fixture
def polyglot(sync: Sync) -> Sync:
    """Return a user who may open all of these mailboxes, signed in."""
    sync.entra.access_token_seconds = 3600
    sync.exchange.add_mailbox(ALICE, [])
    sync.sign_in()
    for box in MAILBOXES:
        came = {folder: [b"Received: from a.example\r\n" + make_message(ALICE, folder, 0)] for folder in box.mail}
        shown = {folder: [stand_in(ALICE, 1, f"An item of {folder}")] for folder in box.items}
        sync.exchange.add_folders(box.address, came | shown)
        sync.exchange.grant(ALICE, box.address)
    return sync


def configure(sync: Sync, *, learnt: bool) -> None:
    """Write the .offlineimaprc: with the plain filter, or with what was learnt of each mailbox."""
    head = (
        f"[general]\naccounts = {', '.join(SECTIONS)}\npythonfile = {sync.world.home}/pythonfile.py\n"
        "maxsyncaccounts = 12\nfsync = False\n"  # for speed
    )
    sync.rc.write_text(head + "".join(_section(sync, name, learnt=learnt) for name in SECTIONS), encoding="utf-8")


def _section(sync: Sync, name: str, *, learnt: bool) -> str:
    box, utf8 = SECTIONS[name], ENCODINGS[name.rpartition("-")[2]]
    whose = f'account="{ALICE}", mailbox="{box.address}"'
    pair = f"nametrans = make_nametrans({whose}{', utf8=True' if utf8 == 'yes' else ''})"
    return SECTION.format(
        section=name,
        mailbox=box.address,
        utf8=utf8,
        maildir=sync.maildir(name),
        local=f"{pair}[1]" if learnt else "",
        remote=f"folderfilter = make_folderfilter({whose})\n{pair}[0]" if learnt else "folderfilter = folderfilter",
    )


def run(sync: Sync, *encodings: str) -> None:
    """Sync all mailboxes once into the Maildirs of these *encodings*, without a complaint."""
    wanted = list(_sections_of(*encodings))
    done = sync.run("-a", ",".join(wanted), sections=wanted)
    assert done.code == 0, done.out + done.err


def here(sync: Sync, name: str) -> dict[str, Counter[bytes]]:
    """Return what lies in a Maildir, by folders as people read them."""
    return {decode(folder): held for folder, held in sync.in_maildir(name).items()}


def there(sync: Sync, box: Mailbox) -> dict[str, Counter[bytes]]:
    """Return what the server holds."""
    return {folder: Counter(map(plain, held)) for folder, held in sync.exchange.contents(box.address).items()}


def mail_of(sync: Sync, box: Mailbox) -> dict[str, Counter[bytes]]:
    """Return what is to lie here once the mailbox was learnt: the server's mail under its local names."""
    return {box.called_here(folder): held for folder, held in there(sync, box).items() if folder not in box.items}


def test_no_mail_is_lost_where_nothing_was_learnt(polyglot: Sync) -> None:
    """With the plain filter all mail comes, of the rest only ambiguous words, and nothing is made on the server."""
    configure(polyglot, learnt=False)
    before = {box: there(polyglot, box) for box in MAILBOXES}

    run(polyglot, *ENCODINGS)
    found = {name: here(polyglot, name) for name in SECTIONS}

    assert {box: there(polyglot, box) for box in MAILBOXES} == before
    for name, box in SECTIONS.items():
        extra = {folder for folder in found[name] if folder in box.items}
        assert found[name] == {folder: before[box][folder] for folder in {*box.mail, *extra}}, name
        assert {folder.partition("/")[0] for folder in extra} <= DOUBTFUL, name


def test_exactly_the_mail_goes_both_ways_once_it_was_learnt(polyglot: Sync) -> None:
    """
    After folders --learn: in both encodings all mail and nothing else, under names that others know.

    A mail that is moved here moves there, and a folder made here is made there, once, under the name that it has here.
    """
    for box in MAILBOXES:
        assert polyglot.world.run("folders", ALICE, "--mailbox", box.address, "--learn").code == 0
    configure(polyglot, learnt=True)
    before = {box: there(polyglot, box) for box in MAILBOXES}
    wanted = {name: mail_of(polyglot, box) for name, box in SECTIONS.items()}

    run(polyglot, *ENCODINGS)
    assert {name: here(polyglot, name) for name in SECTIONS} == wanted
    assert {box: there(polyglot, box) for box in MAILBOXES} == before

    for encoding in ENCODINGS:
        _move(polyglot, encoding)
        run(polyglot, encoding)

        for name, box in _sections_of(encoding).items():
            assert here(polyglot, name) == mail_of(polyglot, box)

    made = {f"Made in {encoding} {OWN}" for encoding in ENCODINGS}
    for box in MAILBOXES:
        after = there(polyglot, box)
        assert set(after) - set(before[box]) == made
        assert [sum(after[folder].values()) for folder in (*made, "INBOX", OWN)] == [1, 1, 0, 0]
        assert sum(after.values(), Counter()) == sum(before[box].values(), Counter())


def _sections_of(*encodings: str) -> dict[str, Mailbox]:
    return {name: box for name, box in SECTIONS.items() if name.rpartition("-")[2] in encodings}


def _move(sync: Sync, encoding: str) -> None:
    """Move the one mail of a folder into a new one beside it: of INBOX in one encoding, of OWN in the other."""
    spell = encode if encoding == "utf7" else str
    for name in _sections_of(encoding):
        top = sync.maildir(name)
        new = top / spell(f"Made in {encoding} {OWN}")
        for part in ("cur", "new", "tmp"):
            (new / part).mkdir(parents=True)
        mail = next((top / ("INBOX" if encoding == "utf7" else OWN) / "new").iterdir())
        mail.rename(new / "new" / mail.name.partition(",")[0])
