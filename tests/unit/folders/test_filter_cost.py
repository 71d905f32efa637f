"""The cost of the filter, in counts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from offlineimap_m365.folders import folder_filter, nametrans
from tests import executed_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

STRANGE: dict[str, Callable[[int], str]] = {
    "deep": lambda size: "a/" * (size // 2),
    "dotted": lambda size: "a." * (size // 2),
    "long": lambda size: "a" * size,
    "shifts": lambda size: "&AOk-" * (size // 5),
    "marks": lambda size: "&AwE-" * (size // 5),
}


def test_a_long_name_takes_no_time(subtests: pytest.Subtests) -> None:
    """A server may send a name of 100 kB: twice the length is at most twice the steps."""
    wanted = folder_filter.build_filter(drop=["Archive/2019", "b*"], learnt={"not_mail": ["Agenda"]})
    remote, local = nametrans.build_nametrans({"Verzonden items": "Sent"})

    def ask(name: str) -> tuple[bool, bool, bool]:
        return wanted(name), folder_filter.folderfilter(name), local(remote(name)) == name

    for kind, make in STRANGE.items():
        with subtests.test(kind):
            assert ask(make(100_000)) == (True, True, True)
            once, twice = (executed_lines.count(functools.partial(ask, make(size))) for size in (5_000, 10_000))
            assert twice <= 2 * once + 10
