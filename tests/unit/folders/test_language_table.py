"""The table of languages for readers: it is current, and it says what the filter does."""

from __future__ import annotations

from pathlib import Path

from offlineimap_m365.folders.folder_filter import known_languages, load_table
from tests import languages

LIST = Path(__file__).parents[2] / "results" / "languages.md"
TABLE = load_table()


def test_the_list_is_current() -> None:
    """After a change of the data or the filter: python -m tests.languages >tests/results/languages.md."""
    assert LIST.read_text(encoding="utf-8") == languages.document(TABLE)


def test_every_name_without_mail_is_in_it() -> None:
    """A name of a kind without mail is left out always or if its language is known: none is useless, none else is."""
    wanted = {(row["language"], row["name"]) for row in TABLE["names"] if row["kind"] in TABLE["not_mail"]}

    found = {
        (language.code, row["name"])
        for language in languages.languages(TABLE)
        for row in (*language.always, *language.if_known)
    }

    assert found >= wanted
    assert {name for _, name in found - wanted} <= {name for _, name in wanted}  # a word that is both


def test_every_language_has_a_name_for_readers() -> None:
    """A tag of the data is said in words, once."""
    assert sorted(languages.LANGUAGES) == known_languages(TABLE)
    assert len(set(languages.LANGUAGES.values())) == len(languages.LANGUAGES)
