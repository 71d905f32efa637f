"""The table of ``status``: aligned columns, plain words."""

from __future__ import annotations

import pytest

from offlineimap_m365.status import Report
from offlineimap_m365.table import of_accounts

ALICE = Report(
    "alice@example.org", identity="Alice@Example.org", state="ok", expires_in=2460, unused_days=0, store="file"
)


def test_columns_are_aligned() -> None:
    """Every cell begins where its heading does, and no line ends in white space."""
    lines = of_accounts([ALICE, Report("b@example.org", identity="c99@uni.example.org", state="needs-login")])

    starts = [lines[0].index(word) for word in ("ACCOUNT", "SIGNED IN AS", "STATE", "TOKEN", "UNUSED")]
    assert [lines[1][start - 2 : start].strip() for start in starts[1:]] == [""] * 4
    assert lines[1][starts[2] :].startswith("signed in")
    assert lines[2][starts[1] :].startswith("c99@uni.example.org")
    assert lines == [line.rstrip() for line in lines]


def test_a_person_reads_no_jargon() -> None:
    """The identity is "the same" if only its case differs; fresh, stale and dead are no words for people."""
    text = "\n".join(of_accounts([ALICE]))

    assert "the same" in text
    assert "expires in 41 min" in text
    assert not [word for word in ("fresh", "stale", "dead", "delegated") if word in text]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (0, "expired; the next use renews it"), (59, "expires in 59 s"), (60, "expires in 1 min")],
)
def test_the_expiry_in_words(seconds: int | None, words: str) -> None:
    """Minutes, then seconds, then that the next use renews it."""
    row = of_accounts([Report("a@example.org", state="stale", expires_in=seconds)])[1]

    assert row.split("signed in")[1].strip().startswith(words)


@pytest.mark.parametrize("state", ["ok", "stale", "waiting", "needs-login", "broken"])
def test_every_state_has_words(state: str) -> None:
    """No state that a report may have is without a word for it."""
    assert len(of_accounts([Report("a@example.org", state=state)])) == 2
