"""The table of ``status``: aligned columns, plain words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.console import output
from offlineimap_m365.console.table import of_accounts, of_events
from offlineimap_m365.tokens.status import Report
from tests.unit.looked_at import look

if TYPE_CHECKING:
    from tests.world import World

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


ROWS = [
    Report("alice@example.org", identity="c99@uni.example.org", state="ok", expires_in=2460, store="file"),
    Report("予定表@example.org", state="needs-login", store="keyring"),
]


def test_a_narrow_terminal_gets_a_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the columns do not fit, each account is a paragraph; no address is broken, and what is unknown left out."""
    look(monkeypatch, 50)

    found = of_accounts(ROWS)

    assert found == [
        "alice@example.org",
        "  Signed in as: c99@uni.example.org",
        "  State: signed in",
        "  Token: expires in 41 min",
        "  Store: file",
        "",
        "予定表@example.org",
        "  State: sign in again",
        "  Store: keyring",
    ]


def test_the_table_comes_back_as_soon_as_it_fits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The widest line decides, to the column."""
    look(monkeypatch, 10_000)
    widest = max(map(output.columns, of_accounts(ROWS)))

    monkeypatch.setenv("COLUMNS", str(widest))
    fits = of_accounts(ROWS)
    monkeypatch.setenv("COLUMNS", str(widest - 1))

    assert len(fits) == 3
    assert len(of_accounts(ROWS)) == 9


def test_wide_characters_keep_the_columns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A character that takes two columns counts as two."""
    look(monkeypatch, 200)

    head, _, row = of_accounts(ROWS)

    before = output.columns(row[: row.index("sign in again")])
    assert before == head.index("STATE")


def test_the_state_has_a_colour_and_the_columns_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Green for who is signed in, red for who must act; without the sequences the lines are the same."""
    look(monkeypatch, 200, plain=False)

    painted = of_accounts(ROWS)
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[32msigned in\x1b[0m" in painted[1]
    assert "\x1b[31msign in again\x1b[0m" in painted[2]
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in painted] == of_accounts(ROWS)


EVENTS: list[dict[str, Any]] = [
    {"time": "2026-01-09T02:00:12Z", "what": "refresh", "code": None, "correlation_id": None},
    {
        "time": "2026-01-09T03:00:12Z",
        "what": "failed",
        "code": "AADSTS50173",
        "correlation_id": "019827f4-0000-1111-2222-333344445555",
        "fact": "Microsoft refused to sign in alice@example.org\x1b[2J",
    },
]


def test_events_are_a_table_where_there_is_room(world: World) -> None:
    """Time, what, code, correlation id and why, oldest first; controls are replaced."""
    head, first, second = of_events(EVENTS)

    assert head.split() == ["TIME", "WHAT", "CODE", "CORRELATION", "ID", "WHY"]
    assert first.split() == ["2026-01-09T02:00:12Z", "refresh", "-", "-", "-"]
    assert second[head.index("CODE") :].startswith("AADSTS50173")
    assert second.endswith("Microsoft refused to sign in alice@example.org\ufffd[2J")


def test_events_on_a_narrow_terminal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit stands below, and an id is not broken."""
    look(monkeypatch, 45)

    assert of_events(EVENTS) == [
        "2026-01-09T02:00:12Z  refresh  -",
        "2026-01-09T03:00:12Z  failed   AADSTS50173",
        "  019827f4-0000-1111-2222-333344445555",
        "  Microsoft refused to sign in",
        "  alice@example.org\ufffd[2J",
    ]


def test_an_event_of_any_shape_is_shown(world: World) -> None:
    """The file may hold anything: what is no text is not there."""
    assert of_events([{"time": 1, "what": ["x"], "code": {}}])[1].split() == ["-"] * 5
