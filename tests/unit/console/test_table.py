"""The table of ``status``: aligned columns, plain words."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.console import output
from offlineimap_m365.console.table import of_accounts, of_events
from offlineimap_m365.tokens.status import Report
from tests.unit.terminal_output import look

if TYPE_CHECKING:
    from tests.world import World

ALICE = Report(
    "alice@example.org",
    identity="Alice@Example.org",
    state="ok",
    expires_in=2460,
    last_refresh="2026-01-09T02:00:12Z",
    unused_days=0,
    store="file",
)


@pytest.fixture(autouse=True)
def _five_minutes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = dt.datetime(2026, 1, 9, 2, 5, 13, tzinfo=dt.timezone.utc)
    monkeypatch.setattr("time.time", moment.timestamp)


def test_columns_are_aligned() -> None:
    """Every cell begins where its heading does, and no line ends in white space."""
    lines = of_accounts([ALICE, Report("b@example.org", identity="c99@uni.example.org", state="needs-login")])

    starts = [lines[0].index(word) for word in ("ACCOUNT", "SIGNED IN AS", "STATE", "TOKEN", "UNUSED")]
    assert [lines[1][start - 2 : start].strip() for start in starts[1:]] == [""] * 4
    assert lines[1][starts[2] :].startswith("signed in")
    assert lines[2][starts[1] :].startswith("c99@uni.example.org")
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("expires_in", None, "-"),
        ("expires_in", 0, "renewed on next use"),
        ("expires_in", 59, "expires in 59 s"),
        ("expires_in", 2460, "expires in 41 min"),
        ("last_refresh", None, "-"),
        ("last_refresh", "no time", "-"),
        ("last_refresh", "2026-01-09T02:00:12Z", "5 min ago"),
        ("certificate_ends", "2026-01-20T02:05:14Z", "in 11 days"),
        ("certificate_ends", "2026-01-01T00:00:00Z", "8 days ago"),
        ("unused_days", 12, "12 of 90 days"),
        ("store", "gpg:you", "gpg:you"),
    ],
)
def test_times_are_relative_and_in_words(field: str, value: object, words: str) -> None:
    """A person reads how long, not a time stamp."""
    report = Report("a@example.org", state="ok", **{field: value})  # type: ignore[arg-type]

    assert words in re.split("  +", of_accounts([report])[1])


def test_a_column_that_says_nothing_is_left_out() -> None:
    """An identity that differs in its case only is not shown, nor a certificate that nobody has."""
    assert not {"SIGNED IN AS", "CERTIFICATE ENDS"} & set(re.split("  +", of_accounts([ALICE])[0]))


def test_it_is_a_table_at_80_columns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A usual terminal shows an account with a usual address in one line."""
    look(monkeypatch, 80)

    assert len(of_accounts([ALICE])) == 2


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
    """Where the columns do not fit, each event is a paragraph."""
    look(monkeypatch, 45)

    assert of_events(EVENTS)[-5:] == [
        "2026-01-09T03:00:12Z",
        "  What: failed",
        "  Code: AADSTS50173",
        "  Correlation id: 019827f4-0000-1111-2222-333344445555",
        "  Why: Microsoft refused to sign in alice@example.org\ufffd[2J",
    ]


def test_an_event_of_any_shape_is_shown(world: World) -> None:
    """The file may hold anything: what is no text is not there."""
    assert of_events([{"time": 1, "what": ["x"], "code": {}}])[1].split() == ["-"] * 5
