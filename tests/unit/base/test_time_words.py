"""Lengths of time as a person says them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import time_words

if TYPE_CHECKING:
    from collections.abc import Callable

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once


def test_a_duration_is_rounded_down_to_one_unit() -> None:
    """Nothing is said to last longer than it does, and one day is singular."""
    said = {-5: "0 s", 0: "0 s", 59.9: "59 s", 60: "1 min", 5_400: "90 min", 7_200: "2 h", 129_600: "36 h"}

    for seconds, text in (said | {172_800: "2 days", 7_776_000: "90 days"}).items():
        assert time_words.duration(seconds) == text
    assert [time_words.days(number) for number in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


def test_a_time_of_day_comes_with_how_far_it_is(set_clock: Callable[[float], None]) -> None:
    """The time is that of the clock at the end, in this zone."""
    set_clock(3_600)
    for seconds, words in ((1_740, "(in 29 min)"), (7_200, "(in 2 h)")):
        hour, _, rest = time_words.until(seconds).partition(" ")

        assert hour in [time.strftime("%H:%M", time.localtime(time.time() + seconds - ago)) for ago in (0, 1)]
        assert rest == words
