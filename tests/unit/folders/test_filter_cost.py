"""What the filter costs, in counts: nothing is done twice, however many folders and however often it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.folders import folder_filter, patterns, utf7
from tests.bench import filtering

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Count, in a process that has asked for nothing yet, how often a table is read and a component is decoded."""
    found = {"read": 0, "decoded": 0}
    read, decode = folder_filter._read, utf7.decode  # noqa: SLF001 - what is counted

    def counting_read(path: str) -> dict[str, Any]:
        found["read"] += 1
        return read(path)

    def counting_decode(text: str) -> str:
        found["decoded"] += 1
        return decode(text)

    monkeypatch.setattr(folder_filter, "_read", counting_read)
    monkeypatch.setattr(patterns, "decode", counting_decode)
    filtering.forget()
    yield found
    filtering.forget()


def test_the_table_is_read_once(counts: dict[str, int]) -> None:
    """One process reads it once, for the plain filter and every made one."""
    folder_filter.folderfilter("INBOX")
    folder_filter.folderfilter("Kalender")
    folder_filter.build_filter(languages="nl")("Agenda")

    assert counts["read"] == 1


def test_ten_thousand_folders_are_decoded_once(counts: dict[str, int]) -> None:
    """Only what decides is looked at: each first component once, whatever lies below it, and never again."""
    folder_filter.folderfilter("INBOX")
    before = counts["decoded"]
    names = [f"Kunde {number}/Jahr {year}" for number in range(100) for year in range(100)]

    for _ in range(3):
        kept = sum(map(folder_filter.folderfilter, names))

    assert kept == 10_000
    assert counts["decoded"] - before == 100


def test_what_is_remembered_does_not_grow_without_end(counts: dict[str, int]) -> None:
    """A process that stays for years and sees ever new names forgets old ones."""
    for number in range(50_000):
        folder_filter.folderfilter(f"Kunde {number}")

    assert counts["decoded"] > 50_000
    assert len(patterns._keys) <= 20_000  # noqa: SLF001 - what must not grow


def test_ten_thousand_folders_are_ten_thousand() -> None:
    """What the bench measures: different names, of which the filter leaves some out and keeps most."""
    names = filtering.listing()

    kept = sum(map(folder_filter.folderfilter, names))

    assert len(set(names)) == 10_000
    assert 5_000 < kept < 9_000
