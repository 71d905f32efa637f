"""Whole mailboxes in every language go through the filter, with names that only look as if they were no mail."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.folders.folder_filter import build_filter, folderfilter, known_languages, load_table
from offlineimap_m365.folders.patterns import key
from offlineimap_m365.folders.utf7 import encode
from offlineimap_m365.learn.classify import find_out
from offlineimap_m365.mail.folder_list import Folder
from tests.unit.learn.test_classify import COMPLETE, TOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TABLE = load_table()
NOT_MAIL = frozenset(TABLE["not_mail"])
#: Kinds that lie in another folder: Sync Issues/Conflicts, Calendar/Birthdays, Contacts/Recipient Cache.
CHILDREN = {
    "conflicts": "sync_issues",
    "local_failures": "sync_issues",
    "server_failures": "sync_issues",
    "birthdays": "calendar",
    "gal_contacts": "contacts",
    "recipient_cache": "contacts",
}
#: What people and servers call folders in published listings (imapsync#276, offlineimap#353, #450, exchangelib#374,
#: #433, #1156, libremail#105): mail, though a word of it is in the table, or the whole name is in another place.
STRANGERS = (
    "INBOX/Calendar", "INBOX/Kalender", "INBOX/予定表", "INBOX/Notes", "Archive/Notes", "Archiv/Kalender/2019",
    "Projects/Calendar", "Projekte/Aufgaben", "Sent Items/Contacts", "Calendars of the team", "Calendar redesign",
    "Calendar stuff", "Calendar1", "Inbox1", "Kalenderverlag", "Kalender 2024", "Journal club", "Journalistik",
    "Contacts-old", "Notes2", "Meeting Notes", "Aufgabenblatt", "Tâches ménagères", "Problèmes de synchronisation 2",
    "My Outbox", "v1.0 stuff", "[Gmail]", "Unsent Messages", "News Feed", "Files", "Clutter", "Snoozed", "Scheduled",
    "RSS Feeds", "Conversation History", "Notizen & mehr", "R&D", "+", "A+B",
)  # fmt: skip
#: Free text below a folder: Calendar/<somebody's name>, Contacts/{an id}.
LEAVES = ("Holidays in United Kingdom", "Feiertage in Österreich", "{06967759-274D-40B2-A3EB-D7F9E73727D7}", "Δ", "&")
#: The spellings in which OfflineIMAP hands names over; a file system may take letters and accents apart.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "utf7": lambda name: "/".join(encode(part) for part in name.split("/")),
    "unicode": str,
    "apart": lambda name: unicodedata.normalize("NFD", name),
}


def names(language: str) -> dict[str, str]:
    """Return all names that a mailbox in *language* may have, with their children: to the kind on top."""
    rows = [row for row in TABLE["names"] if row["language"] in {language, None}]
    tops = {row["name"]: row["kind"] for row in rows if row["kind"] not in CHILDREN}
    below = {
        f"{parent}/{row['name']}": kind
        for row in rows
        for parent, kind in tops.items()
        if CHILDREN.get(row["kind"]) == kind
    }
    free = {f"{name}/{leaf}": kind for name, kind in tops.items() for leaf in LEAVES}
    return tops | below | free


def words_without_mail(language: str) -> set[str]:
    """Return the keys of names that mean no mail in *language* or in any mailbox."""
    return {
        key(row["name"])
        for row in TABLE["names"]
        if row["kind"] in NOT_MAIL and (row["language"] in {language, None} or not row.get("ambiguous"))
    }


def mailbox(language: str) -> tuple[set[str], set[str]]:
    """Return all folders of a mailbox in *language*, and those of them that are mail."""
    whole = names(language)
    mail = {name for name, kind in whole.items() if kind not in NOT_MAIL}
    return {*whole, *STRANGERS}, mail | set(STRANGERS)


def kept_of(wanted: Callable[[str], bool], listing: Iterable[str]) -> list[set[str]]:
    """Return what *wanted* keeps of a *listing*, in each spelling."""
    return [{name for name in listing if wanted(spell(name))} for spell in SPELLINGS.values()]


def test_no_mail_is_lost_while_the_language_is_not_known(subtests: pytest.Subtests) -> None:
    """Of a whole mailbox and of names that look alike only what holds no mail is left out; all of it if it is known."""
    for language in known_languages(TABLE):
        with subtests.test(language=language):
            everything, mail = mailbox(language)

            kept, *others = kept_of(folderfilter, everything)

            assert mail <= kept < everything
            assert others == [kept, kept]
            assert kept_of(build_filter(languages=language), everything) == [mail] * 3


def test_exactly_the_mail_is_kept_once_it_is_learnt(subtests: pytest.Subtests) -> None:
    """The finding names folders as the server spells them, and is used for names in whatever spelling."""
    for language in COMPLETE:
        with subtests.test(language=language):
            everything, mail = mailbox(language)

            finding = find_out(TABLE, [Folder(SPELLINGS["utf7"](name)) for name in everything])

            assert language in [code for group in finding.languages for code in group]
            assert kept_of(build_filter(learnt=finding.as_profile()), everything) == [mail] * 3


def test_a_name_with_anything_about_it_is_somebody_s_own(subtests: pytest.Subtests) -> None:
    """What begins, ends or goes on like a folder without mail is kept, also if the language is known."""
    for language in TOLD:
        whole = words_without_mail(language)
        own = {
            changed
            for row in TABLE["names"]
            if row["language"] == language and row["kind"] in NOT_MAIL
            for changed in _near(row["name"])
            if key(changed.partition("/")[0]) not in whole
        }
        with subtests.test(language=language):
            assert len(own) > 10
            for wanted in (folderfilter, build_filter(languages=language)):
                assert kept_of(wanted, own) == [own] * 3


def _near(name: str) -> list[str]:
    """Return names that look like *name* and are other folders."""
    about = [f"{name} 2024", f"{name}-old", f"{name}.old", f"{name}verlag", f"{name}1", f"My {name}", f" {name}"]
    return [*about, f"{name} ", name[:-1], name[1:], f"INBOX/{name}", f"Projects/{name}", f"/{name}", f"{name}|{name}"]
