"""
The checks as a person reads them: a line for each as it ends, and of a failure what helps.

A command stands on a line of its own, whole, so that it can be copied.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.console import output
from offlineimap_m365.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Diff

#: The mark of a good check, of a failure, and of what was not tried or cannot be known; with their colours.
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "faint")}  # noqa: RUF001 - a dash
#: Columns of a check's name; longer ones push their text to the right.
_NAMES = 20
#: Columns of what is good, also in a file or a pipe: -v shows all of it.
_WIDEST = 160
_INDENT, _DEEPER = "    ", "        "
#: What stands before a command, by where it is typed.
_TYPED_IN = {"shell": "Run:", "powershell": "In PowerShell:", "file": "Write into the file:"}
#: What --offline leaves out.
LEFT_OUT = "Left out because of --offline: the network, a refresh, the token, IMAP and SMTP"


class Text:
    """Makes lines of one check after the other; *verbose*: with all facts of those that are good."""

    def __init__(self, *, several: bool, verbose: bool, many: bool = False) -> None:
        """Begin; with *several* accounts each has a heading, with *many* one line if all is well with it."""
        self._several = several
        self._verbose = verbose
        self._gathers = many and not verbose
        self._gathered: list[Check] = []
        self._skipped: list[Check] = []
        self._heading: str | None = None
        self._shown: list[Check] = []

    def tell(self, check: Check) -> list[str]:
        """Return the lines about *check* that can be shown now."""
        if not self._gathers:
            return self._lines(check)
        ended = bool(self._gathered) and self._gathered[0].account != check.account
        lines = self._account_ended() if ended else []
        if check.account is None or check.file is not None:
            return [*lines, *self._lines(check)]
        self._gathered.append(check)
        return lines

    def end(self, *, offline: bool) -> list[str]:
        """Return the last lines: what was left out, how many checks failed, and what to do first."""
        lines = [*(self._account_ended() if self._gathered else []), *self._skipped_ended(), ""]
        if offline:
            lines.append(f"{LEFT_OUT}.")
        diffs = dict.fromkeys(check.diff for check in self._shown if check.diff)
        return [line for diff in diffs for line in _diff(diff)] + [*lines, _summary(self._shown)]

    def _lines(self, check: Check) -> list[str]:
        """Return the lines about *check*; those that were not tried for one reason share a line."""
        same = self._skipped and (self._skipped[0].since, self._skipped[0].account) == (check.since, check.account)
        lines = [] if same else self._skipped_ended()
        self._shown.append(check)
        if check.since is not None and not self._verbose:
            self._skipped.append(check)
            return lines
        lines += [output.spelled(line, sys.stdout) for line in self._head(check)]
        return lines + list(_failure(check) if check.ok is False else self._line(check))

    def _skipped_ended(self) -> list[str]:
        skipped, self._skipped = self._skipped, []
        if not skipped:
            return []
        names = ", ".join(check.name for check in skipped)
        head = [output.spelled(line, sys.stdout) for line in self._head(skipped[0])]
        mark = output.paint(output.spelled(_MARKS[None][0], sys.stdout), "faint", sys.stdout)
        return [*head, *output.wrapped(f"{mark} Not tried because of {skipped[0].since}: {names}", sys.stdout)]

    def _account_ended(self) -> list[str]:
        """Return the lines about the account that was gathered: a single one if all is well."""
        checks, self._gathered = self._gathered, []
        if not all(check.ok for check in checks):
            return [line for check in checks for line in self._lines(check)] + self._skipped_ended()
        name = errors.printable(checks[0].account or "")
        blank = [""] if self._shown and self._heading != "" else []
        self._shown += checks
        self._heading = ""
        return [*blank, *self._line(Check(name, ok=True, meaning=f"All is well: {len(checks)} checks"))]

    def _head(self, check: Check) -> Iterator[str]:
        heading = check.account or (check.file and f"In {check.file}")
        if not self._several or heading is None or heading == self._heading:
            return
        self._heading = heading
        if len(self._shown) > 1:
            yield ""
        yield output.paint(errors.printable(heading), "bold", sys.stdout)

    def _line(self, check: Check) -> list[str]:
        """Return what is good or not tried: one line as far as it fits; with -v all facts, a line for each."""
        first = _first(check)
        meaning = output.spelled(errors.printable(check.meaning), sys.stdout)
        if check.ok is None and check.line is not None:  # a note on a line of a file
            return [first.rstrip(), *_wrapped(f"{_place(check)}{meaning}.")]
        if self._verbose:
            lines = [line for detail in check.details for line in _wrapped(detail)]
            return [f"{first}{meaning}", *lines] if _fits(check) else [first.rstrip(), *_wrapped(meaning), *lines]
        columns = _free_columns(check)
        is_shown = columns > _NAMES or output.columns(meaning) <= columns
        return [f"{first}{output.cut(meaning, columns, sys.stdout)}".rstrip() if is_shown else first.rstrip()]


def _free_columns(check: Check) -> int:
    """Return the columns beside the name of *check*."""
    return min(output.width(sys.stdout), _WIDEST) - output.columns(_plain(check)) - 1


def _fits(check: Check) -> bool:
    return not output.is_terminal(sys.stdout) or output.columns(check.meaning) <= _free_columns(check)


def _plain(check: Check) -> str:
    return f"{output.spelled(_MARKS[check.ok][0], sys.stdout)} {check.name.ljust(_NAMES)} "


def _first(check: Check) -> str:
    """Return mark and name, in columns."""
    mark, colour = _MARKS[check.ok]
    shown = output.spelled(mark, sys.stdout)
    return output.paint(shown, colour, sys.stdout) + _plain(check)[len(shown) :]


def _failure(check: Check) -> Iterator[str]:
    """Yield what failed: its name, where, what it means, and what helps unless the diff at the end does."""
    yield _first(check).rstrip()
    yield from _wrapped(f"{_place(check)}{check.meaning.rstrip('.')}.")
    reference = (check.code, check.correlation_id and f"correlation id {check.correlation_id}")
    about = ", ".join(filter(None, reference))
    if about:
        yield from _wrapped(about)
    if check.diff is not None:
        return
    advice, command = check.remedy.advice, check.remedy.command
    if command is None:
        yield from _wrapped(advice)
        return
    yield from _wrapped(". ".join(filter(None, (advice, _TYPED_IN[check.remedy.where]))))
    yield _DEEPER + output.paint(command, "bold", sys.stdout)


def _wrapped(text: str) -> list[str]:
    return output.wrapped(output.spelled(errors.printable(text), sys.stdout), sys.stdout, _INDENT)


def _place(check: Check) -> str:
    """Return the line of a file that *check* is about, to stand before its meaning."""
    return f"{check.file}:{check.line} " if check.line is not None else ""


def _diff(diff: Diff) -> list[str]:
    """Return the diff without secrets, and the command that applies it."""
    lines = [errors.printable(line) for line in diff.shown.splitlines()]
    command = output.paint(errors.printable(diff.command), "bold", sys.stdout)
    return ["", *lines, "", "Apply this diff:", _DEEPER + command]


def _summary(shown: Sequence[Check]) -> str:
    """Return how many checks failed and what to do first, or that nothing did."""
    failed = [check for check in shown if check.ok is False]
    checks = "check" if len(shown) == 1 else "checks"
    if failed:
        return f"{len(failed)} of {len(shown)} {checks} failed. {_first_step(failed[0])}"
    unknown = sum(check.ok is None for check in shown)
    if unknown:
        return f"Nothing failed: {len(shown) - unknown} of {len(shown)} checks are good, {unknown} could not be made."
    return f"All is well: {len(shown)} {checks}."


def _first_step(check: Check) -> str:
    if check.diff is not None:
        return "First apply the diff"
    if check.remedy.command:
        where = "In PowerShell, first run: " if check.remedy.where == "powershell" else "First run: "
        return f"{where}{check.remedy.command}"
    about = f" of {check.account}" if check.account else ""
    return errors.printable(f"Begin with the check {check.name}{about}")
