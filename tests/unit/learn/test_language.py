"""Which languages a mailbox speaks, told by its folders' names."""

from __future__ import annotations

import pytest

from offlineimap_m365.folders.folder_filter import known_languages, load_table
from offlineimap_m365.folders.utf7 import encode
from offlineimap_m365.learn.language import Names

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TABLE = load_table()
#: What an Exchange mailbox always has.
DEFAULT = (
    "calendar", "contacts", "tasks", "notes", "journal", "outbox",
    "drafts", "sent_items", "deleted_items", "junk_email",
)  # fmt: skip


def mailbox(language: str, kinds: tuple[str, ...] = DEFAULT) -> list[str]:
    """Return the default folders of a mailbox in *language*, by the best known name of each kind."""
    rows = [row for row in TABLE["names"] if row["language"] == language and row["kind"] in kinds]
    rows.sort(key=lambda row: (len(row["sources"]), row["name"]))
    return ["INBOX", *{row["kind"]: row["name"] for row in rows}.values()]


def with_kinds(number: int) -> list[str]:
    """Return the languages that have names of so many kinds which mean nothing else."""
    strong = [row for row in TABLE["names"] if row["kind"] in DEFAULT and not row.get("ambiguous")]
    kinds = {code: {row["kind"] for row in strong if row["language"] == code} for code in known_languages(TABLE)}
    return [language for language, found in kinds.items() if len(found) >= number]


#: The languages that can be told by names; of those that are complete, also among many English names.
TOLD, COMPLETE = with_kinds(3), with_kinds(8)


def test_forty_languages_are_told_by_names() -> None:
    """Most people's are among them; the others go by what is in a folder."""
    assert len(TOLD) >= 35
    assert {"pl", "sv", "tr"} <= set(TOLD)
    assert {"de", "en", "es", "fr", "it", "ja", "pt-BR", "ru"} <= set(COMPLETE)


def test_every_language_is_told(subtests: pytest.Subtests) -> None:
    """The default folders tell their language, alone or with others that explain the same names."""
    for language in TOLD:
        with subtests.test(language):
            names = mailbox(language)

            found = list(Names(TABLE, names).languages)

            assert language in found[0]
            assert found == list(Names(TABLE, [encode(name) for name in names]).languages)


def test_a_few_names_are_no_proof(subtests: pytest.Subtests) -> None:
    """Ordinary words, single names and every mailbox's English names tell none; one half renamed speaks both."""
    mail = mailbox("nl", ("drafts", "sent_items", "deleted_items", "junk_email"))
    items = mailbox("ja", ("calendar", "contacts", "tasks", "notes", "journal", "outbox"))
    cases: list[tuple[list[str], list[tuple[str, ...]]]] = [
        (["INBOX"], []),
        (["INBOX", "Sent", "Trash", "Drafts", "Projects", "Family"], []),
        (["Kalender", "Kontakte"], []),
        (["INBOX", "Agenda", "Taken", "Concepten"], []),
        (["Calendar", "Sent Items", "Drafts", "Agenda", "Taken", "Note"], [("en",)]),
        ([*mailbox("de"), "Sync Issues", "Conversation Action Settings"], [("de",)]),
        ([*mailbox("en"), "Kalender", "Archiv"], [("en",)]),
        ([*mail, *items], [("ja",), ("nl",)]),  # the one that explains more first
    ]
    for names, languages in cases:
        with subtests.test(str(names)):
            assert list(Names(TABLE, names).languages) == languages
