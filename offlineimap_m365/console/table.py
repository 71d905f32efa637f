"""
A table of a few columns for the terminal; where it is too narrow, a list.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, time_words
from offlineimap_m365.console import output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from offlineimap_m365.tokens.status import Report

#: What a person reads for each state, and its colour.
_STATES = {
    "ok": ("signed in", "green"),
    "stale": ("signed in", "green"),
    "waiting": ("waiting", "yellow"),
    "needs-login": ("sign in again", "red"),
    "broken": ("broken", "red"),
}
_COLOURS = dict(_STATES.values())
_ACCOUNTS = ("ACCOUNT", "SIGNED IN AS", "STATE", "TOKEN", "LAST REFRESH", "UNUSED", "STORE")
_EVENTS = ("TIME", "WHAT", "CODE", "CORRELATION ID", "WHY")
#: What of an event stands in these columns.
_FIELDS = ("time", "what", "code", "correlation_id", "fact")


def of_accounts(reports: Sequence[Report]) -> list[str]:
    """
    Return the lines of ``status``: account, who signed in, state, token, last refresh, time unused, store.

    On a terminal that is too narrow for that each account is a paragraph.
    """
    rows = [_ACCOUNTS, *map(_row, reports)]
    return fitted(rows, _ACCOUNTS.index("STATE"))


def of_events(events: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of an account's *events*, oldest first: time (UTC), what, code, correlation id, and why."""
    rows = [_EVENTS, *(tuple(_said(event, name) for name in _FIELDS) for event in events)]
    lines = aligned(rows)
    if fits(lines):
        return lines
    short = aligned([row[:3] for row in rows])[1:]
    return [
        line
        for first, row in zip(short, rows[1:], strict=True)
        for line in (
            first,
            *(part for cell in row[3:] if cell != "-" for part in output.wrapped(cell, sys.stdout, "  ")),
        )
    ]


def _said(event: dict[str, Any], name: str) -> str:
    found = event.get(name)
    return errors.printable(found) if isinstance(found, str) and found else "-"


def aligned(rows: Sequence[tuple[str, ...]], painted: int | None = None) -> list[str]:
    """
    Return *rows* as lines whose columns begin below one another, on a terminal that shows wide characters so.

    The column *painted* has the states' colours, where there are colours.
    """
    cells = [[output.spelled(cell, sys.stdout) for cell in row] for row in rows]
    widths = [max(map(output.columns, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            (_painted(cell) if column == painted else cell) + " " * (widths[column] - output.columns(cell))
            for column, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]


def fitted(rows: Sequence[tuple[str, ...]], painted: int | None = None) -> list[str]:
    """Return *rows* as a table, or as paragraphs on a terminal that is too narrow for it."""
    return aligned(rows, painted) if fits(aligned(rows)) else paragraphs(rows, painted)


def fits(lines: Sequence[str]) -> bool:
    """Is there room for all *lines* on stdout?"""
    return max(map(output.columns, lines)) <= output.width(sys.stdout)


def paragraphs(rows: Sequence[tuple[str, ...]], painted: int | None = None) -> list[str]:
    """
    Return *rows*, of which the first has the headings, as a paragraph each: its first cell, then "name: value" lines.

    The column *painted* has the states' colours. What says nothing ("-") is left out.
    """
    headings, *others = rows
    made: list[str] = []
    for row in others:
        made += ["", row[0]] if made else [row[0]]
        made += [
            f"  {headings[column].capitalize()}: {_painted(cell) if column == painted else cell}"
            for column, cell in enumerate(row)
            if column and cell != "-"
        ]
    return [output.spelled(line, sys.stdout) for line in made]


def _painted(state: str) -> str:
    return output.paint(state, _COLOURS[state], sys.stdout) if state in _COLOURS else state


def _row(report: Report) -> tuple[str, ...]:
    identity = report.identity or "-"
    cells = (
        report.account,
        "the same" if identity.lower() == report.account.lower() else identity,
        _STATES[report.state][0],
        _expiry(report.expires_in),
        report.last_refresh or "-",
        "-" if report.unused_days is None else f"{report.unused_days} of 90 days",
        report.store or "-",
    )
    return tuple(map(errors.printable, cells))


def _expiry(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    if seconds <= 0:
        return "expired; the next use renews it"
    return f"expires in {time_words.duration(seconds)}"
