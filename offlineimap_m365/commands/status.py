"""
``status``: what is signed in, as a table or for programs; asks nobody.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from offlineimap_m365 import accounts, errors, home, status, table, warm
from offlineimap_m365.person import say

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the report; 1 if an account needs somebody."""
    found = status.report([accounts.clean_name(name) for name in options.accounts])
    if options.json:
        document = {"schema": 1, "accounts": [report.as_dict() for report in found]}
        code = warm.hand_out(json.dumps(document, indent=2))
    elif found:
        code = warm.hand_out("\n".join(errors.printable(line) for line in table.of_accounts(found)))
        for report in found:
            if report.reason:
                about = "" if report.account in report.reason else f"{report.account}: "
                say(errors.printable(f"{errors.COMMAND}: {about}{report.reason}"))
    else:
        code = 0
        say(f"Nobody is signed in (searched in {home.directory()}). Run: {errors.COMMAND} login you@example.org")
    return code or int(any(report.needs_somebody for report in found))
