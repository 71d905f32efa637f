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
    kinds: dict[str, set[str]] = {language: set() for language in known_languages(TABLE)}
    for row in TABLE["names"]:
        if row["language"] and row["kind"] in DEFAULT and not row.get("ambiguous"):
            kinds[row["language"]].add(row["kind"])
    return [language for language, found in kinds.items() if len(found) >= number]


#: The languages that can be told by names; of those that are complete, also among many English names.
TOLD, COMPLETE = with_kinds(3), with_kinds(8)


def test_forty_languages_are_told_by_names() -> None:
    """Most people's are among them; the others go by what is in a folder."""
    assert len(TOLD) >= 35
    assert {"pl", "sv", "tr"} <= set(TOLD)
    assert {"de", "en", "es", "fr", "it", "ja", "pt-BR", "ru"} <= set(COMPLETE)


@pytest.mark.parametrize("language", TOLD)
def test_every_language_is_told(language: str) -> None:
    """The default folders tell their language, alone or with others that explain the same names."""
    names = mailbox(language)

    found = list(Names(TABLE, names).languages)
    encoded = list(Names(TABLE, [encode(name) for name in names]).languages)

    assert language in found[0]
    assert found == encoded


@pytest.mark.parametrize(
    ("names", "languages"),
    [
        (["INBOX"], []),
        (["INBOX", "Sent", "Trash", "Drafts", "Projects", "Family"], []),
        (["Kalender", "Kontakte"], []),
        (["INBOX", "Agenda", "Taken", "Concepten"], []),
        (["Calendar", "Sent Items", "Drafts", "Agenda", "Taken", "Note"], [("en",)]),
        ([*mailbox("de"), "Sync Issues", "Conversation Action Settings"], [("de",)]),
        ([*mailbox("en"), "Kalender", "Archiv"], [("en",)]),
    ],
)
def test_a_few_names_are_no_proof(names: list[str], languages: list[tuple[str, ...]]) -> None:
    """Words that are ordinary elsewhere, single names and what every mailbox has in English tell no language."""
    found = list(Names(TABLE, names).languages)

    assert found == languages


def test_a_mix_is_told() -> None:
    """A mailbox that was renamed half-way speaks both languages, the one that explains more first."""
    mail = ("drafts", "sent_items", "deleted_items", "junk_email")
    items = ("calendar", "contacts", "tasks", "notes", "journal", "outbox")
    names = [*mailbox("nl", mail), *mailbox("ja", items)]

    found = list(Names(TABLE, names).languages)

    assert found == [("ja",), ("nl",)]
