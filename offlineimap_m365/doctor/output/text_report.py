"""
The checks as a person reads them: a line for each as it ends, and of a failure what helps.

A command is on a line of its own, whole, so that it can be copied.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.console import output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Check, Diff

#: The mark of a good check, of a failure, and of what was not tried or cannot be known; with their colours.
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "faint")}  # noqa: RUF001 - a dash
#: Columns of a check's name; longer ones push their text to the right.
_NAMES = 20
#: Columns of what is good, also in a file or a pipe: -v shows all of it.
_WIDEST = 160
_INDENT, _DEEPER = "    ", "        "


class Text:
    """Makes lines of one check after the other."""

    def __init__(self, *, several: bool, verbose: bool, many: bool = False) -> None:
        """
        Begin; with *verbose* each fact has a line.

        With *several* accounts each has a heading; with *many* nothing is shown of what is good about an account.
        """
        self._several = several
        self._verbose = verbose
        self._hides_good = many and not verbose
        self._heading: str | None = None
        self._checks: list[Check] = []

    def tell(self, check: Check) -> list[str]:
        """Return the lines about *check*; without -v there are none about what was not tried."""
        self._checks.append(check)
        is_skipped = check.since is not None and not self._verbose
        if is_skipped or (self._hides_good and check.ok and check.account):
            return []
        return [*self._head(check), *self._lines(check)]

    def end(self, *, offline: bool) -> list[str]:
        """Return the last lines: what was left out, how many checks failed, and what to do first."""
        skipped = dict.fromkeys(check.name for check in self._checks if check.since is not None)
        reason = f"{_MARKS[None][0]} Not tried, since each needs a check that failed: {', '.join(skipped)}"
        lines = _wrapped(reason, indent="") if skipped and not self._verbose else []
        for diff in dict.fromkeys(check.diff for check in self._checks if check.diff):
            lines += _diff(diff)
        left_out = ["Left out because of --offline: the network, a refresh, the token, IMAP and SMTP."]
        return [*lines, "", *(left_out if offline else []), _summary(self._checks)]

    def _head(self, check: Check) -> Iterator[str]:
        heading = check.account or (check.file and f"In {check.file}")
        if not self._several or heading is None or heading == self._heading:
            return
        self._heading = heading
        if len(self._checks) > 1:
            yield ""
        yield output.paint(output.spelled(errors.printable(heading), sys.stdout), "bold", sys.stdout)

    def _lines(self, check: Check) -> list[str]:
        """Return what is good in one line as far as it fits; with -v, or of a failure, all facts."""
        mark, colour = _MARKS[check.ok]
        mark = output.spelled(mark, sys.stdout)
        first = f"{output.paint(mark, colour, sys.stdout)} {check.name.ljust(_NAMES)} "
        if check.ok is not False and check.line is None and not self._verbose:
            taken = output.columns(f"{mark} {check.name.ljust(_NAMES)} ")
            columns = min(output.width(sys.stdout), _WIDEST) - taken - 1
            meaning = output.spelled(errors.printable(check.meaning), sys.stdout)
            return [first + output.cut(meaning, columns, sys.stdout)]
        place = f"{check.file}:{check.line} " if check.line is not None else ""
        reference = (check.code, check.correlation_id and f"correlation id {check.correlation_id}")
        facts = [f"{place}{check.meaning.rstrip('.')}.", *check.details, ", ".join(filter(None, reference))]
        lines = [first.rstrip(), *(line for fact in facts if fact for line in _wrapped(fact))]
        return lines + (_remedy(check.remedy) if check.ok is False and check.diff is None else [])


def _wrapped(text: str, indent: str = _INDENT) -> list[str]:
    return output.wrapped(output.spelled(errors.printable(text), sys.stdout), sys.stdout, indent)


def _remedy(remedy: errors.Remedy) -> list[str]:
    """Return the lines of what helps against a failure."""
    command = [_DEEPER + output.paint(remedy.command, "bold", sys.stdout)] if remedy.command else []
    return [*_wrapped(remedy.lead.rstrip()), *command]


def _diff(diff: Diff) -> list[str]:
    """Return the diff without secrets, and the command that applies it."""
    lines = [errors.printable(line) for line in diff.shown.splitlines()]
    command = output.paint(errors.printable(diff.command), "bold", sys.stdout)
    return ["", *lines, "", "Apply this diff:", _DEEPER + command]


def _summary(checks: Sequence[Check]) -> str:
    """Return how many checks failed and what to do first, or that nothing did."""
    failed = [check for check in checks if check.ok is False]
    unknown = sum(check.ok is None for check in checks)
    count = f"{len(checks)} {'check' if len(checks) == 1 else 'checks'}"
    if failed:
        return f"{len(failed)} of {count} failed. {_first_step(failed[0])}"
    if unknown:
        return f"Nothing failed: {len(checks) - unknown} of {count} are good, {unknown} could not be made."
    return f"All is well: {count}."


def _first_step(check: Check) -> str:
    if check.diff is not None:
        return "First apply the diff"
    if check.remedy.command:
        where = "In PowerShell, first run: " if check.remedy.where == "powershell" else "First run: "
        return f"{where}{check.remedy.command}"
    about = f" of {check.account}" if check.account else ""
    return errors.printable(f"Begin with the check {check.name}{about}")
