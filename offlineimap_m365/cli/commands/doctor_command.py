"""
``doctor``: named checks in the order in which things usually break, each failure with the one command that helps.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import doctor
from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token, paths
from offlineimap_m365.console import output
from offlineimap_m365.console.prompt import say
from offlineimap_m365.doctor.output import public_report
from offlineimap_m365.doctor.output.text_report import Text

if TYPE_CHECKING:
    from offlineimap_m365.doctor import Check

#: Accounts of which each has all its checks shown; of more only those with which something is wrong.
_MANY = 10


def run(options: argparse.Namespace) -> int:
    """Examine what was asked for; 1 if something was found. Raises M365Error."""
    file = next((word for word in options.accounts if _is_file(word)), None)
    if file is not None:
        command = f"{errors.COMMAND} doctor --config {errors.quoted(file)}"
        raise errors.WrongUsage(f"{file} is a file, and doctor takes accounts", remedy=errors.Remedy("", command))
    if (options.diff or options.run_config) and not options.config:
        command = f"{errors.COMMAND} doctor --config ~/.offlineimaprc{' --diff' if options.diff else ' --run-config'}"
        raise errors.WrongUsage("--diff and --run-config need --config FILE", remedy=errors.Remedy("", command))
    order = doctor.Order(
        names=tuple(options.accounts),
        mailbox=profiles.clean_name(options.mailbox) if options.mailbox else None,
        config=Path(options.config).expanduser() if options.config else None,
        run_config=options.run_config,
        offline=options.offline,
    )
    checks = _as_they_end(doctor.examine(order))
    if not (options.diff or options.json or options.report):
        return _tell(checks, order, verbose=options.verbose)
    found = list(checks)
    if options.diff:
        return _print_diff(found)
    rows = {"schema": 1, "checks": [check.as_dict() for check in found]}
    code = fresh_token.hand_out(json.dumps(public_report.document(found) if options.report else rows, indent=2))
    return code or int(any(check.ok is False for check in found))


def _is_file(word: str) -> bool:
    return "/" in word or ("@" not in word and os.path.lexists(word))


def _print_diff(checks: list[Check]) -> int:
    """Print what mends the offlineimaprc, for ``patch``; 1 if something is wrong. On a terminal secrets are hidden."""
    failed = [check for check in checks if check.file is not None and check.ok is False]
    diff = next((check.diff for check in checks if check.diff), None)
    code = 0
    if diff is not None:
        text = "\n".join(map(errors.printable, diff.shown.split("\n"))) if output.is_terminal(sys.stdout) else diff.text
        code = fresh_token.hand_out(text.removesuffix("\n"))
    for check in failed:
        if check.diff is None:
            say(". ".join(filter(None, (check.meaning, check.remedy.advice))))
            if check.remedy.command:
                say("Run:", check.remedy.command)
    return code or int(bool(failed))


def _tell(checks: Iterable[Check], order: doctor.Order, *, verbose: bool) -> int:
    """Print each check when it ends, and at the end what to do first."""
    sections = len(order.names or profiles.names_if_readable()) + (order.config is not None)
    text = Text(several=sections > 1, verbose=verbose, many=sections > _MANY)
    failed = code = 0
    for check in checks:
        lines = text.tell(check)
        if lines:
            code = code or fresh_token.hand_out("\n".join(lines))  # after the first write error, nothing more
        failed = failed or int(check.ok is False)
    code = code or fresh_token.hand_out("\n".join(text.end(offline=order.offline)))
    if not failed and not profiles.names_if_readable():
        say(f"Nobody is signed in (searched in {paths.directory()}). Run: {errors.COMMAND} login you@example.org")
    return code or failed


def _as_they_end(checks: Iterator[Check]) -> Iterator[Check]:
    """Yield the *checks*; a line on the terminal says when one of them takes long."""
    line = output.Passing(sys.stderr)
    about = ""
    while True:
        with line.shown_if_slow(f"Checking{about}: at most 20 s for each step (Ctrl-C stops)"):
            check = next(checks, None)
        if check is None:
            return
        about = f" {errors.printable(check.account)}" if check.account else ""
        yield check
