"""
``doctor``: named checks in the order in which things usually break, each failure with the one command that helps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import doctor, errors, warm

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Examine what was asked for; 1 if something was found. Raises M365Error."""
    order = doctor.Order(
        names=tuple(options.accounts),
        mailbox=options.mailbox,
        config=Path(options.config).expanduser() if options.config else None,
        run_config=options.run_config,
        offline=options.offline,
    )
    checks = list(doctor.examine(order))
    if options.json:
        code = warm.hand_out(json.dumps({"schema": 1, "checks": [check.as_dict() for check in checks]}, indent=2))
    else:
        code = warm.hand_out("\n".join(errors.printable(f"{check.name}: {check.meaning}") for check in checks))
    return code or int(any(check.ok is False for check in checks))
