"""
``status``: what is signed in, as a table or for programs; asks nobody.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors, fresh_token, paths
from offlineimap_m365.console import status, table
from offlineimap_m365.console.prompt import say


def run(options: argparse.Namespace) -> int:
    """Print the report; 1 if an account needs a person."""
    reports = status.report([profiles.clean_name(name) for name in options.accounts])
    if options.json:
        rows = [dataclasses.asdict(report) for report in reports]
        if options.verbose:
            rows = [{**row, "events": account_state.events(paths.folder(row["account"]))} for row in rows]
        code = fresh_token.hand_out(json.dumps({"schema": 1, "accounts": rows}, indent=2))
    elif not reports:
        code = 0
        say(f"Nobody is signed in (searched in {paths.directory()}). Run:", errors.login_command("you@example.org"))
    else:
        lines = table.of_accounts(reports)
        if options.verbose:
            lines += [line for report in reports for line in _event_lines(report.account)]
        code = fresh_token.hand_out("\n".join(lines))
        for report in reports:
            if report.reason:
                about = "" if report.account in report.reason else f"{report.account}: "
                say(f"{errors.COMMAND}: {about}{report.reason}")
    return code or int(any(report.needs_somebody for report in reports))


def _event_lines(name: str) -> list[str]:
    """Return the lines about the last events of an account."""
    events = account_state.events(paths.folder(name))
    if not events:
        return ["", f"No events of {errors.printable(name)} are recorded"]
    return ["", f"Events of {errors.printable(name)} (times in UTC):", *table.of_events(events)]
