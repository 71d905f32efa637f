"""The cost of the filter, in counts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.folders import folder_filter, nametrans
from tests import executed_lines

if TYPE_CHECKING:
    from collections.abc import Callable


STRANGE = {
    "deep": lambda size: "a/" * (size // 2),
    "dotted": lambda size: "a." * (size // 2),
    "long": lambda size: "a" * size,
    "shifts": lambda size: "&AOk-" * (size // 5),
    "marks": lambda size: "&AwE-" * (size // 5),
}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_long_name_takes_no_time(make: Callable[[int], str]) -> None:
    """A server may send a name of 100 kB: twice the length is at most twice the steps."""
    wanted = folder_filter.build_filter(drop=["Archive/2019", "b*"], learnt={"not_mail": ["Agenda"]})
    remote, local = nametrans.build_nametrans({"Verzonden items": "Sent"})

    def ask(size: int) -> Callable[[], object]:
        name = make(size)
        return lambda: (wanted(name), folder_filter.folderfilter(name), local(remote(name)) == name)

    started = time.process_time()
    assert ask(100_000)() == (True, True, True)
    assert time.process_time() - started < 1
    assert executed_lines.count(ask(20_000)) <= 2 * executed_lines.count(ask(10_000)) + 10
