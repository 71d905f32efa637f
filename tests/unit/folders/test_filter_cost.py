"""The cost of the filter, in counts: nothing is done twice, however many folders there are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.folders import folder_filter, nametrans, patterns, utf7
from tests import executed_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def forget() -> None:
    """Forget what the process remembers, so that the next call is its first."""
    for memory in (patterns._keys, folder_filter._plain_filters, folder_filter._tables):  # noqa: SLF001 - nobody else wants that
        memory.clear()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Count, in a process that has asked for nothing yet, how often a component is decoded."""
    found = {"decoded": 0}
    decode = utf7.decode

    def counting_decode(text: str) -> str:
        found["decoded"] += 1
        return decode(text)

    monkeypatch.setattr(patterns, "decode", counting_decode)
    forget()
    yield found
    forget()


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


STRANGE = {
    "deep": lambda size: "a/" * (size // 2),
    "dotted": lambda size: "a." * (size // 2),
    "long": lambda size: "a" * size,
    "shifts": lambda size: "&AOk-" * (size // 5),
    "marks": lambda size: "&AwE-" * (size // 5),
}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_long_name_takes_no_time(make: Callable[[int], str]) -> None:
    """A server may send a name of 100 kB: twice the length is at most twice the steps, and nothing is kept of it."""
    wanted = folder_filter.build_filter(drop=["Archive/2019", "b*"], learnt={"not_mail": ["Agenda"]})
    remote, local = nametrans.build_nametrans({"Verzonden items": "Sent"})

    def ask(size: int) -> Callable[[], object]:
        name = make(size)
        return lambda: (wanted(name), folder_filter.folderfilter(name), local(remote(name)) == name)

    started = time.process_time()
    assert ask(100_000)() == (True, True, True)
    assert time.process_time() - started < 1
    assert executed_lines.count(ask(20_000)) <= 2 * executed_lines.count(ask(10_000)) + 10
    assert max(map(len, patterns._keys)) < 10_000  # noqa: SLF001 - what would grow
