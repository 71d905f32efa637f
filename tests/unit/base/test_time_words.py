"""Lengths of time as a person says them."""

from __future__ import annotations

import pytest

from offlineimap_m365.base import time_words

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (5_400, "90 min"),
        (7_200, "2 h"),
        (129_600, "36 h"),
        (172_800, "2 days"),
        (7_776_000, "90 days"),
    ],
)
def test_a_duration_is_rounded_down_to_one_unit(seconds: float, text: str) -> None:
    """Nothing is said to last longer than it does."""
    assert time_words.duration(seconds) == text


def test_one_day_is_singular() -> None:
    """One day is not "1 days"."""
    assert [time_words.days(number) for number in (0, 1, 2)] == ["0 days", "1 day", "2 days"]
