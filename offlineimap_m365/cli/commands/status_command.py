"""
``status``: what is signed in, as a table or for programs; asks nobody.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors, fresh_token, paths
from offlineimap_m365.console import table
from offlineimap_m365.console.prompt import say
from offlineimap_m365.tokens import status

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the report; 1 if an account needs somebody."""
    found = status.report([profiles.clean_name(name) for name in options.accounts])
    if options.json:
        rows = [report.as_dict() | _events(report, wanted=options.verbose) for report in found]
        code = fresh_token.hand_out(json.dumps({"schema": 1, "accounts": rows}, indent=2))
    elif found:
        code = fresh_token.hand_out("\n".join([*table.of_accounts(found), *(_last(found) if options.verbose else [])]))
        for report in found:
            if report.reason:
                about = "" if report.account in report.reason else f"{report.account}: "
                say(errors.printable(f"{errors.COMMAND}: {about}{report.reason}"))
    else:
        code = 0
        say(f"Nobody is signed in (searched in {paths.directory()}). Run: {errors.COMMAND} login you@example.org")
    return code or int(any(report.needs_somebody for report in found))


def _events(report: status.Report, *, wanted: bool) -> dict[str, Any]:
    return {"events": account_state.events(paths.folder(report.account))} if wanted else {}


def _last(found: list[status.Report]) -> list[str]:
    """Return the lines that tell what happened to each account lately."""
    made: list[str] = []
    for report in found:
        events = account_state.events(paths.folder(report.account))
        name = errors.printable(report.account)
        made += (
            ["", f"What happened to {name} (times in UTC):"]
            if events
            else ["", f"Nothing is known to have happened to {name}"]
        )
        made += table.of_events(events) if events else []
    return made
