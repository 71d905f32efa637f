"""Which folders are mail: the contract's list, its near-names, and the user's own words."""

from __future__ import annotations

import ast
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offlineimap_m365 import folders, names, utf7, words
from offlineimap_m365.folders import build_filter, folderfilter, known_languages, load_table

NOT_MAIL = """
    Calendar, Contacts, Tasks, Notes, Journal, Outbox, Sync Issues, Suggested Contacts, Quick Contacts,
    Conversation Action Settings, Quick Step Settings, Working Set, ExternalContacts, PersonMetadata,
    Yammer Root, Social Activity Notifications, Calendar/Birthdays, Calendar/United States holidays,
    Contacts/Recipient Cache, Contacts/{06967759-274D-40B2-A3EB-D7F9E73727D7}, Sync Issues/Conflicts,
    Sync Issues/Local Failures, CALENDAR, calendar, sync issues, Calendar/,
    Calendar/Feiertage in &ANY-sterreich
"""
MAIL = """
    INBOX, Inbox, inbox, INBOX/Notes, INBOX/Calendar, Inbox/Tasks/2024, Drafts, Sent Items, Deleted Items,
    Junk Email, Archive, Conversation History, RSS Feeds, Clutter, Snoozed, Scheduled, Files, Sent, Trash,
    Calendars of the team, Calendar redesign, Calendar1, Calendar.old, Contacts-old, Kalenderverlag,
    Journal club, Projects/Calendar, Projects/Calendar redesign, Archive/Notes, /Calendar, Notes2,
    Sync Issues2, My Outbox, Calendar&AC8-x, &illisible-, R&-D, Notizen & mehr, Entw&APw-rfe, Agenda
"""
#: Calendar in wide letters: somebody's own folder, since Exchange writes none of its names so.
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in "Calendar")


def listed(text: str) -> list[str]:
    """Return the names in *text*."""
    return [name.strip() for name in text.split(",")]


@pytest.fixture
def dutch(tmp_path: Path) -> str:
    """Return a table with an ambiguous word, accents, an apostrophe, and a kind that is mail."""
    rows = [
        {"kind": "calendar", "language": "nl", "name": "Agenda", "ambiguous": True, "sources": []},
        {"kind": "calendar", "language": "nl", "name": "Kalender", "ambiguous": False, "sources": []},
        {
            "kind": "sync_issues",
            "language": "fr",
            "name": "Problèmes d'été",
            "ambiguous": False,
            "sources": [],
        },
        {"kind": "contacts", "language": "ja", "name": "ｶﾞ連絡先", "ambiguous": False, "sources": []},
        {
            "kind": "sent_items",
            "language": "nl",
            "name": "Verzonden items",
            "ambiguous": False,
            "sources": [],
        },
    ]
    path = tmp_path / "folders.json"
    path.write_text(json.dumps({"not_mail": ["calendar", "sync_issues", "contacts"], "names": rows}))
    return str(path)


@pytest.mark.parametrize("name", listed(NOT_MAIL))
def test_what_is_no_mail_is_left_out(name: str) -> None:
    """The folders of the contract's list go, with all below them, whatever their case."""
    wanted = folderfilter(name)

    assert wanted is False


@pytest.mark.parametrize("name", [*listed(MAIL), "", "/", " Calendar", "Calendar ", "Calendar\0", WIDE])
def test_what_only_looks_alike_is_kept(name: str) -> None:
    """The first component as a whole decides: near-names, leaves and all below INBOX are kept."""
    wanted = folderfilter(name)

    assert wanted is True


@pytest.mark.parametrize(
    "name",
    [None, b"Calendar", 7, ["Calendar"], "\ud800", "&2AA-", "&" * 10_000, "a/" * 5_000, "Calendar\ud800"],
)
def test_nothing_makes_it_raise(name: Any) -> None:
    """What is no name of a known folder is kept, even if it is no name at all."""
    wanted = folderfilter(name)

    assert wanted is True


@given(st.one_of(st.none(), st.binary(), st.integers(), st.text(st.characters(codec=None))))
def test_every_answer_is_a_truth_value(name: Any) -> None:
    """Filters answer True or False to whatever they are handed, the user's own words included."""
    wanted = build_filter(keep=["a*", re.compile("b+")], drop=["c?", "d"], learnt={"not_mail": ["e"]})(name)

    assert wanted in {True, False}
    assert folderfilter(name) in {True, False}


@given(st.text())
def test_nothing_below_inbox_is_ever_left_out(leaf: str) -> None:
    """INBOX and all below it are mail."""
    wanted = folderfilter(f"INBOX/{leaf}")

    assert wanted is True


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("name", ["Problèmes d'été", "Problèmes d\u2019été", "PROBLÈMES D'ÉTÉ", "ｶﾞ連絡先"])
def test_unicode_forms_and_apostrophes_do_not_matter(dutch: str, form: Any, name: str) -> None:
    """A known name is recognised in every form of Unicode, in modified UTF-7 as well."""
    spelled = unicodedata.normalize(form, name)

    wanted = build_filter(data=dutch)

    assert not wanted(spelled)
    assert not wanted(utf7.encode(spelled))


def test_an_ambiguous_word_counts_in_its_language_only(dutch: str) -> None:
    """Agenda is kept until the language is known, given by the user or learnt."""
    unknown = build_filter(data=dutch)
    given_by_user = build_filter(languages="NL", data=dutch)
    learnt = build_filter(learnt={"languages": ["nl"]}, data=dutch)

    assert unknown("Agenda")
    assert not unknown("Kalender")
    assert unknown("Verzonden items")
    assert not given_by_user("Agenda/2024")
    assert not learnt("Agenda")


def test_what_was_learnt_of_a_mailbox_decides() -> None:
    """Folders found to be no mail go, those found to be mail stay, and the nearest finding counts."""
    wanted = build_filter(learnt={"not_mail": ["&ZeVnLIqe-", "Work/Team", ""], "mail": ["Notes"], "seen_at": 0})

    assert not wanted("日本語/x")
    assert not wanted("Work/Team/x")
    assert wanted("Work")
    assert wanted("Notes/x")
    assert wanted("/x")
    assert not wanted("Tasks")


def test_inbox_is_mail_whatever_was_learnt() -> None:
    """A mistaken finding does not cost the INBOX."""
    wanted = build_filter(learnt={"not_mail": ["INBOX", "INBOX/x"]})

    assert wanted("INBOX")
    assert wanted("INBOX/x")


@pytest.mark.parametrize(
    "keep", ["Calendar", "calendar", ["Calendar"], "Cal*", re.compile("Calendar(/.*)?"), iter(["Calendar"])]
)
def test_keep_beats_everything(keep: Any) -> None:
    """What the user keeps is kept, against the table, drop and also."""
    wanted = build_filter(keep=keep, drop=["Calendar", "*"], also=lambda _: False)

    assert wanted("Calendar")
    assert wanted("Calendar/Birthdays")
    assert not wanted("Projects")


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

    assert [name for name in gone if wanted(name)] == []
    assert [name for name in kept if not wanted(name)] == []


@pytest.mark.parametrize("drop", ["*", "I*", "?NBOX", "*/x", re.compile(".*"), re.compile("(?i)inbox.*")])
def test_drop_never_reaches_inbox_by_chance(drop: Any) -> None:
    """INBOX and all below it stay unless the user spells INBOX/ out."""
    wanted = build_filter(drop=drop)

    assert wanted("INBOX")
    assert wanted("Inbox/x")


@pytest.mark.parametrize("drop", ["INBOX/Lists", "inbox/L*", re.compile("INBOX/Lists(/.*)?"), re.compile("^INBOX/L.*")])
def test_drop_reaches_below_inbox_when_spelled_out(drop: Any) -> None:
    """What begins with INBOX/ itself leaves out what lies there, never INBOX."""
    wanted = build_filter(drop=drop)

    assert not wanted("INBOX/Lists")
    assert not wanted("INBOX/Lists/x")
    assert wanted("INBOX/Mail")
    assert wanted("INBOX")


def test_also_must_agree() -> None:
    """Another filter can leave out more, never bring back; if it fails, nothing is lost."""
    strict = build_filter(also=lambda name: name != "Files")
    broken = build_filter(also=lambda name: [][len(name)])

    assert not strict("Files")
    assert strict("Projects")
    assert not strict("Calendar")
    assert broken("Projects")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep": 7}, "keep: names are wanted, not int"),
        ({"keep": [None]}, "keep: a name, a glob or a compiled pattern of text is wanted, not None"),
        ({"drop": b"Calendar"}, "drop: a name, a glob or a compiled pattern of text is wanted"),
        ({"drop": [re.compile(b"x")]}, "drop: a name, a glob or a compiled pattern of text is wanted"),
        ({"drop": ["/"]}, "drop: a name, a glob"),
        ({"drop": "Inbox"}, "drop: INBOX is always kept"),
        ({"languages": ["xx"]}, "languages: 'xx' is not known; known: en"),
        ({"languages": 7}, "languages: names are wanted, not int"),
        ({"languages": [7]}, "languages: text is wanted, not int"),
        ({"learnt": ["x"]}, "learnt: a mapping is wanted, not list"),
        ({"learnt": {"not_mail": [7]}}, "learnt: text is wanted, not int"),
        ({"also": "x"}, "also: a function of a folder's name, not str"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(arguments: dict[str, Any], message: str) -> None:
    """What cannot be meant is refused when the filter is made, not when it is used."""
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        build_filter(**arguments)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"names": [{}], "not_mail": []}', '{"names": [], "not_mail": 1}', "[" * 99_999]
)
def test_a_broken_table_is_named(tmp_path: Path, text: str) -> None:
    """A file that is no table is an error that says which file."""
    path = tmp_path / "folders.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"folders\.json is no table of folder names"):
        build_filter(data=str(path))


def test_every_row_of_the_table_says_where_it_was_seen() -> None:
    """Each name has a kind, a language or none, a flag, and sources that the file explains."""
    table = load_table()

    for row in table["names"]:
        assert set(row) == {"kind", "language", "name", "ambiguous", "sources"}
        assert row["sources"]
        assert set(row["sources"]) <= set(table["sources"])
        assert row["kind"] in table["not_mail"]
    assert known_languages(table) == ["en"]


@pytest.mark.parametrize("room", [folders, names, utf7, words])
def test_a_foreign_interpreter_can_load_these_rooms(room: Any) -> None:
    """They are Python 3.9 and import the standard library and one another only."""
    tree = ast.parse(Path(room.__file__).read_text(encoding="utf-8"), feature_version=(3, 9))

    wanted = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    wanted |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    ours = {name for name in wanted if name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours <= {"offlineimap_m365.utf7", "offlineimap_m365.words"}
