"""Which folders are mail: the contract's list, its near-names, and the user's own words."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offlineimap_m365.folders import utf7
from offlineimap_m365.folders.folder_filter import build_filter, folderfilter, known_languages, load_table

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_MAIL = """
    Calendar, Contacts, Tasks, Notes, Journal, Outbox, Sync Issues, Suggested Contacts, Quick Contacts,
    Conversation Action Settings, Quick Step Settings, Working Set, ExternalContacts, PersonMetadata,
    Yammer Root, Social Activity Notifications, Calendar/Birthdays, Calendar/United States holidays,
    Contacts/Recipient Cache, Contacts/{06967759-274D-40B2-A3EB-D7F9E73727D7}, Sync Issues/Conflicts,
    Sync Issues/Local Failures, CALENDAR, calendar, sync issues, Calendar/,
    Calendar/Feiertage in &ANY-sterreich
"""
MAIL = """
    INBOX, Inbox, inbox, Inbox/Tasks/2024, Drafts, Sent Items, Deleted Items, Junk Email, Archive, Sent, Trash,
    Calendar.old, Projects/Calendar redesign, /Calendar, Sync Issues2, Calendar&AC8-x, &illisible-, R&-D,
    Entw&APw-rfe, Agenda
"""
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
#: Calendar in wide letters: somebody's own folder, since Exchange writes none of its names so.
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in "Calendar")


def listed(text: str) -> list[str]:
    """Return the names in *text*."""
    return [name.strip() for name in text.split(",")]


def row(kind: str, language: str | None, name: str, **more: Any) -> dict[str, Any]:
    """Return a row of a table."""
    return {"kind": kind, "language": language, "name": name, "sources": [], **more}


@pytest.fixture
def dutch() -> dict[str, Any]:
    """Return a table with an ambiguous word, accents, an apostrophe, and a kind that is mail."""
    rows = [
        row("calendar", "nl", "Agenda", ambiguous="English: a list"),
        row("calendar", "nl", "Kalender"),
        row("sync_issues", "fr", "Problèmes d'été"),
        row("contacts", "ja", "ｶﾞ連絡先"),
        row("sent_items", "nl", "Verzonden items"),
    ]
    return {"not_mail": ["calendar", "sync_issues", "contacts"], "names": rows}


def test_what_is_no_mail_is_left_out() -> None:
    """The folders of the contract's list go, with all below them, whatever their case."""
    assert [name for name in listed(NOT_MAIL) if folderfilter(name) is not False] == []


def test_what_only_looks_alike_is_kept() -> None:
    """The first component as a whole decides: near-names, leaves and all below INBOX are kept."""
    alike = [*listed(MAIL), *STRANGERS, "", "/", " Calendar", "Calendar ", "Calendar\0", WIDE]

    assert [name for name in alike if folderfilter(name) is not True] == []


@given(st.text())
def test_nothing_below_inbox_is_ever_left_out(leaf: str) -> None:
    """INBOX and all below it are mail."""
    assert folderfilter(f"INBOX/{leaf}")


def test_unicode_forms_and_apostrophes_do_not_matter(dutch: dict[str, Any]) -> None:
    """A known name is recognised in every form of Unicode, in modified UTF-7 as well."""
    wanted = build_filter(table=dutch)
    forms: tuple[Any, ...] = ("NFC", "NFD", "NFKC", "NFKD")

    for name in ("Problèmes d'été", "Problèmes d\u2019été", "PROBLÈMES D'ÉTÉ", "ｶﾞ連絡先"):
        for spelled in (unicodedata.normalize(form, name) for form in forms):
            assert not wanted(spelled), spelled
            assert not wanted(utf7.encode(spelled)), spelled


def test_an_ambiguous_word_counts_in_its_language_only(dutch: dict[str, Any]) -> None:
    """Agenda is kept until somebody says the language, or it was found to be no mail."""
    names = ["Agenda/2024", "Kalender", "Verzonden items"]

    assert list(filter(build_filter(table=dutch), names)) == ["Agenda/2024", "Verzonden items"]
    assert list(filter(build_filter(table=dutch, languages="NL"), names)) == ["Verzonden items"]
    assert list(filter(build_filter(table=dutch, learnt={"not_mail": ["Agenda"]}), names)) == ["Verzonden items"]


def test_what_was_learnt_of_a_mailbox_decides() -> None:
    """Folders learned as no mail go, those learned as mail stay, the nearest counts, and INBOX is always kept."""
    learnt = {"languages": ["nl"], "not_mail": ["&ZeVnLIqe-", "Work/Team", "", "INBOX"], "mail": ["Notes"]}
    wanted = build_filter(learnt=learnt)

    names = ("日本語/x", "Work/Team/x", "Tasks", "Work", "Notes/x", "/x", "INBOX/x", "Agenda")
    assert list(filter(wanted, names)) == ["Work", "Notes/x", "/x", "INBOX/x", "Agenda"]


@pytest.mark.parametrize(
    "keep", ["Calendar", "calendar", ["Calendar"], "Cal*", re.compile("Calendar(/.*)?"), iter(["Calendar"])]
)
def test_keep_beats_everything(keep: Any) -> None:
    """A folder that the user keeps is kept, whatever the table, drop and also say."""
    wanted = build_filter(keep=keep, drop=["Calendar", "*"], also=lambda _: False)

    names = ("Calendar", "Calendar/Birthdays", "Projects")
    assert list(filter(wanted, names)) == ["Calendar", "Calendar/Birthdays"]


@pytest.mark.parametrize(
    ("drop", "gone", "kept"),
    [
        ("Archive", ["Archive", "archive/2010", "ARCHIVE/a/b"], ["Archives", "Old/Archive"]),
        ("Archive/2010", ["Archive/2010", "Archive/2010/Jan"], ["Archive", "Archive/2011", "Archive/20101"]),
        ("Archive 20?0", ["Archive 2010", "Archive 2020/Jan"], ["Archive 2011", "Archive"]),
        ("*/Old", ["Projects/Old", "a/b/Old/c"], ["Old", "Projects/Older"]),
        ("[Gmail]", ["[Gmail]/Spam"], ["Gmail"]),
        ("Entwürfe", ["Entw&APw-rfe", "Entwürfe", "Entwu\u0308rfe"], ["Entwurf"]),
        ("Entw&APw-rfe", ["Entw&APw-rfe", "Entwürfe"], ["Entwurf"]),
        (re.compile("Entwürfe|R&-D"), ["Entw&APw-rfe", "R&-D"], ["Entwürfe/x", "entwürfe"]),
        (iter(["x", "y"]), ["x", "y/z"], ["z"]),
    ],
)
def test_drop_takes_names_globs_and_patterns(drop: Any, gone: list[str], kept: list[str]) -> None:
    """A name or glob means a folder with all below it, a compiled pattern the whole path."""
    wanted = build_filter(drop=drop)

    assert list(filter(wanted, gone + kept)) == kept


def test_drop_reaches_below_inbox_only_when_it_is_spelled_out() -> None:
    """INBOX always stays, and all below it unless an entry begins with INBOX/ itself."""
    for drop in ("*", "I*", "?NBOX", "*/x", re.compile(".*"), re.compile("(?i)inbox.*")):
        assert all(map(build_filter(drop=drop), ["INBOX", "Inbox/x"])), drop
    for drop in ("INBOX/Lists", "inbox/L*", re.compile("INBOX/Lists(/.*)?"), re.compile("^INBOX/L.*")):
        names = ("INBOX/Lists", "INBOX/Lists/x", "INBOX/Mail", "INBOX")
        assert list(filter(build_filter(drop=drop), names)) == ["INBOX/Mail", "INBOX"], drop


def test_also_must_agree() -> None:
    """Another filter can leave out more, never bring back; if it fails, nothing is lost."""
    strict = build_filter(also=lambda name: name != "Files")
    broken = build_filter(also=lambda name: [][len(name)])

    assert list(filter(strict, ["Files", "Projects", "Calendar"])) == ["Projects"]
    assert broken("Projects")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"keep": 7}, "keep: names are wanted, not int"),
    ({"keep": [None]}, "keep: a name, a glob or a compiled pattern of text is wanted, not None"),
    ({"drop": b"Calendar"}, "drop: a name, a glob or a compiled pattern of text is wanted"),
    ({"drop": [re.compile(b"x")]}, "drop: a name, a glob or a compiled pattern of text is wanted"),
    ({"drop": ["/"]}, "drop: a name, a glob"),
    ({"drop": "Inbox"}, "drop: INBOX is always kept"),
    ({"languages": ["xx"]}, "languages: 'xx' is not known; known: af, am, ar"),
    ({"languages": 7}, "languages: names are wanted, not int"),
    ({"languages": [7]}, "languages: 7 is not known; known: af, am, ar"),
    ({"also": "x"}, "also: a function of a folder's name, not str"),
]


def test_a_wrong_argument_is_named_in_one_line(subtests: pytest.Subtests) -> None:
    """An unusable argument is refused when the filter is made, not when it is used."""
    for arguments, message in WRONG:
        with subtests.test(message), pytest.raises(ValueError, match=rf"^{re.escape(message)}[^\n]*$"):
            build_filter(**arguments)


def test_every_row_of_the_table_may_be_published_under_mit() -> None:
    """Each name has a kind, a language or none, and sources that the file explains, none of them under a copyleft."""
    table = load_table()

    for row in table["names"]:
        assert set(row) - {"ambiguous"} == {"kind", "language", "name", "sources", "licence"}
        assert row["sources"]
        assert set(row["sources"]) <= set(table["sources"])
        assert row["licence"] in {"MIT", "BSD-2-Clause", "Unicode-3.0", "facts"}
    assert all(source["what"] and source["licence"] for source in table["sources"].values())
    assert not re.search("GPL", json.dumps(table))


def test_no_name_is_in_the_table_twice() -> None:
    """Only what holds no mail is ambiguous, and English is complete."""
    table = load_table()
    keys = [(row["language"], row["kind"], row["name"]) for row in table["names"]]
    english = {row["kind"] for row in table["names"] if row["language"] in ("en", None)}

    assert len(keys) == len(set(keys))
    assert {row["kind"] for row in table["names"] if row.get("ambiguous")} <= set(table["not_mail"])
    assert set(table["not_mail"]) <= english


#: Kinds that lie in another folder, such as Sync Issues/Conflicts.
CHILDREN = ("conflicts", "local_failures", "server_failures", "birthdays", "gal_contacts", "recipient_cache")
#: The spellings in which OfflineIMAP hands names over; a file system may take letters and accents apart.
SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda name: "/".join(utf7.encode(part) for part in name.split("/")),
    str,
    lambda name: unicodedata.normalize("NFD", name),
)


def mailbox(language: str) -> tuple[set[str], set[str]]:
    """Return all folders of a mailbox in *language*, with one below each, and those of them that are mail."""
    table = load_table()
    rows = [row for row in table["names"] if row["language"] in {language, None} and row["kind"] not in CHILDREN]
    kinds = {row["name"] + below: row["kind"] for row in rows for below in ("", "/Feiertage in Österreich & mehr")}
    mail = {name for name, kind in kinds.items() if kind not in table["not_mail"]}
    return {*kinds, *STRANGERS}, {*mail, *STRANGERS}


@pytest.mark.once
def test_no_mail_is_lost_while_the_language_is_not_known(subtests: pytest.Subtests) -> None:
    """Of a whole mailbox and of names that look alike only what holds no mail is left out; all of it if it is known."""
    for language in known_languages(load_table()):
        with subtests.test(language=language):
            everything, mail = mailbox(language)
            told = build_filter(languages=language)

            kept, *others = [{name for name in everything if folderfilter(spell(name))} for spell in SPELLINGS]

            assert mail <= kept < everything
            assert others == [kept, kept]
            assert [{name for name in everything if told(spell(name))} for spell in SPELLINGS] == [mail] * 3
