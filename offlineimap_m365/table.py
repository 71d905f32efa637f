"""
A table of a few columns for the terminal.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.status import Report

_STATES = {
    "ok": "signed in",
    "stale": "signed in",
    "waiting": "waiting",
    "needs-login": "sign in again",
    "broken": "broken",
}


def of_accounts(reports: Sequence[Report]) -> list[str]:
    """Return the lines of ``status``: account, who signed in, state, token, last refresh, time unused, store."""
    rows: list[tuple[str, ...]] = [("ACCOUNT", "SIGNED IN AS", "STATE", "TOKEN", "LAST REFRESH", "UNUSED", "STORE")]
    rows += [_row(report) for report in reports]
    return aligned(rows)


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return *rows* as lines whose columns begin below one another, on a terminal that shows wide characters so."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Return the columns that *text* takes: two for wide characters, none for marks (Unicode TR11)."""
    return len(text) + sum(
        -1 if unicodedata.combining(c) else unicodedata.east_asian_width(c) in "WF" for c in text if not c.isascii()
    )


def _row(report: Report) -> tuple[str, ...]:
    identity = report.identity or "-"
    return (
        report.account,
        "the same" if identity.lower() == report.account.lower() else identity,
        _STATES[report.state],
        _expiry(report.expires_in),
        report.last_refresh or "-",
        "-" if report.unused_days is None else f"{report.unused_days} of 90 days",
        report.store or "-",
    )


def _expiry(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    if seconds <= 0:
        return "expired; the next use renews it"
    return f"expires in {seconds // 60} min" if seconds >= 60 else f"expires in {seconds} s"  # noqa: PLR2004 - a minute
