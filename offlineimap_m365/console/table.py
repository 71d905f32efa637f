"""
Tables for the terminal; where it is too narrow, each row becomes a paragraph.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, time_words
from offlineimap_m365.console import output

if TYPE_CHECKING:
    from typing import Any

    from offlineimap_m365.console.status import Report

#: The words for each state, and their colour.
_STATES = {
    "ok": ("signed in", "green"),
    "stale": ("signed in", "green"),
    "waiting": ("waiting", "yellow"),
    "needs-login": ("sign in again", "red"),
    "broken": ("broken", "red"),
}
#: Seconds in which something was "just now".
_MINUTE = 60
_COLOURS = dict(_STATES.values())
#: Columns of ``status`` that are left out where no account has a value.
_OPTIONAL = ("SIGNED IN AS", "CERTIFICATE ENDS")
_EVENTS = ("TIME", "WHAT", "CODE", "CORRELATION ID", "WHY")
#: The fields of an event in these columns.
_FIELDS = ("time", "what", "code", "correlation_id", "fact")


def of_accounts(reports: Sequence[Report]) -> list[str]:
    """Return the lines of ``status``."""
    columns = {
        "ACCOUNT": [report.account for report in reports],
        "SIGNED IN AS": [_other_identity(report) for report in reports],
        "STATE": [_STATES[report.state][0] for report in reports],
        "TOKEN": [_expiry(report) for report in reports],
        "REFRESHED": [relative(report.last_refresh) for report in reports],
        "CERTIFICATE ENDS": [relative(report.certificate_ends) for report in reports],
        "STORE": [report.store or "-" for report in reports],
        "UNUSED": ["-" if r.unused_days is None else f"{r.unused_days} of 90 days" for r in reports],
    }
    shown = {name: cells for name, cells in columns.items() if name not in _OPTIONAL or set(cells) != {"-"}}
    rows = [tuple(map(errors.printable, row)) for row in zip(*shown.values(), strict=True)]
    return fitted([tuple(shown), *rows], list(shown).index("STATE"))


def _other_identity(report: Report) -> str:
    identity = report.identity or ""
    return "-" if identity.lower() in ("", report.account.lower()) else identity


def _expiry(report: Report) -> str:
    if report.expires_in is None:
        return "-"
    if report.expires_in > 0:
        return f"expires in {time_words.duration(report.expires_in)}"
    return "expired" if report.state == "needs-login" else "renewed on next use"


def relative(stamp: str | None) -> str:
    """Return the time from now to *stamp* (RFC 3339, UTC) in words; a dash for one that cannot be read."""
    try:
        moment = dt.datetime.strptime(stamp or "", "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return "-"
    seconds = moment.timestamp() - time.time()
    if seconds > 0:
        return f"in {time_words.duration(seconds)}"
    return "just now" if seconds > -_MINUTE else f"{time_words.duration(-seconds)} ago"


def of_events(events: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of an account's *events*, oldest first: time (UTC), what, code, correlation id, and why."""
    return fitted([_EVENTS, *(tuple(_field(event, name) for name in _FIELDS) for event in events)])


def _field(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    return errors.printable(value) if isinstance(value, str) and value else "-"


def _aligned(rows: Sequence[tuple[str, ...]], painted: int | None = None) -> list[str]:
    """Return *rows* as lines with aligned columns; wide characters count as two."""
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
    """
    Return *rows*, the first of which has the headings, as a table, or as paragraphs where stdout is too narrow for it.

    The column *painted* has the colours of the states.
    """
    if max(map(output.columns, _aligned(rows))) > output.width(sys.stdout):
        return _paragraphs(rows, painted)
    return _aligned(rows, painted)


def _paragraphs(rows: Sequence[tuple[str, ...]], painted: int | None) -> list[str]:
    """Return *rows* as a paragraph each: the first cell, then "Name: value" lines without empty cells ("-")."""
    headings, *others = rows
    lines: list[str] = []
    for row in others:
        lines += ["", row[0]] if lines else [row[0]]
        lines += [
            f"  {headings[column].capitalize()}: {_painted(cell) if column == painted else cell}"
            for column, cell in enumerate(row)
            if column and cell != "-"
        ]
    return [output.spelled(line, sys.stdout) for line in lines]


def _painted(state: str) -> str:
    return output.paint(state, _COLOURS[state], sys.stdout) if state in _COLOURS else state
