"""
A table of a few columns for the terminal.
"""

from __future__ import annotations

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
    """Return the lines of ``status``: account, state, when the token expires, since when unused, store."""
    rows = [("ACCOUNT", "STATE", "TOKEN", "UNUSED", "STORE")]
    rows += [
        (
            report.account,
            _STATES[report.state],
            _expiry(report.expires_in),
            "-" if report.unused_days is None else f"{report.unused_days} of 90 days",
            report.store or "-",
        )
        for report in reports
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _expiry(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    if seconds <= 0:
        return "expired; the next use renews it"
    return f"expires in {seconds // 60} min" if seconds >= 60 else f"expires in {seconds} s"  # noqa: PLR2004 - a minute
