"""The table of ``status``: aligned columns, plain words."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from offlineimap_m365.console import output
from offlineimap_m365.console.status import Report
from offlineimap_m365.console.table import of_accounts, of_events
from tests.unit.terminal_output import look

pytestmark = pytest.mark.usefixtures("world")
ROWS = [
    Report("alice@example.org", identity="c99@uni.example.org", state="ok", expires_in=2460, store="file"),
    Report("予定表@example.org", state="needs-login", store="keyring"),
]
EVENTS: list[dict[str, Any]] = [
    {"time": "2026-01-09T03:00:12Z", "what": "failed", "code": "AADSTS50173", "fact": "Refused\x1b[2J"},
    {"time": 1, "what": ["x"], "code": {}},
]


@pytest.fixture(autouse=True)
def _five_minutes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = dt.datetime(2026, 1, 9, 2, 5, 13, tzinfo=dt.timezone.utc)
    monkeypatch.setattr("time.time", moment.timestamp)


#: Fields of an account, and the words for them.
WORDS: list[tuple[str, object, str]] = [
    ("expires_in", None, "-"),
    ("expires_in", 0, "renewed on next use"),
    ("expires_in", 59, "expires in 59 s"),
    ("expires_in", 2460, "expires in 41 min"),
    ("last_refresh", "no time", "-"),
    ("last_refresh", "2026-01-09T02:00:12Z", "5 min ago"),
    ("last_refresh", "2026-01-09T02:04:14Z", "just now"),
    ("last_refresh", "2026-01-09T02:04:13Z", "1 min ago"),
    ("certificate_ends", "2026-01-20T02:05:14Z", "in 11 days"),
    ("certificate_ends", "2026-01-01T00:00:00Z", "8 days ago"),
    ("unused_days", 12, "12 of 90 days"),
    ("store", "gpg:you", "gpg:you"),
    *(("state", state, "signed in") for state in ("ok", "stale")),
    *(("state", state, state) for state in ("waiting", "broken")),
    ("state", "needs-login", "sign in again"),
]


def test_cells_are_plain_words(subtests: pytest.Subtests) -> None:
    """A person reads how long, not a time stamp, and a word for every state; no line ends in white space."""
    for field, value, words in WORDS:
        with subtests.test(f"{field}: {value}"):
            lines = of_accounts([Report("a@example.org", **{"state": "ok", field: value})])  # type: ignore[arg-type]

            assert words in re.split("  +", lines[1])
            assert lines == [line.rstrip() for line in lines]


def test_a_narrow_terminal_gets_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the columns do not fit, each account is a paragraph; no address is broken, and what is unknown left out."""
    look(monkeypatch, 50)

    assert of_accounts(ROWS) == [
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


def test_colours_and_wide_characters_keep_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide character counts as two, a colour as none: green for who is signed in, red for who must act."""
    look(monkeypatch, 200, plain=False)
    painted = of_accounts(ROWS)
    monkeypatch.setenv("NO_COLOR", "1")
    head, *rows = of_accounts(ROWS)

    assert "\x1b[32msigned in\x1b[0m" in painted[1]
    assert "\x1b[31msign in again\x1b[0m" in painted[2]
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in painted] == [head, *rows]
    assert output.columns(rows[1].partition("sign in again")[0]) == head.index("STATE")


def test_events_are_a_table_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time, what, code, correlation id and why, without controls and what is no text; else each is a paragraph."""
    head, *rows = of_events(EVENTS)
    look(monkeypatch, 45)

    assert head.split() == ["TIME", "WHAT", "CODE", "CORRELATION", "ID", "WHY"]
    assert [row.split() for row in rows] == [
        ["2026-01-09T03:00:12Z", "failed", "AADSTS50173", "-", "Refused\ufffd[2J"],
        ["-"] * 5,
    ]
    assert of_events(EVENTS)[:2] == ["2026-01-09T03:00:12Z", "  What: failed"]
