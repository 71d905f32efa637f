"""
What the doctor found, as a person reads it: a line for each check as it ends, and of a failure what helps.

A command stands alone on its line, whole, so that it can be copied.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.console import output
from offlineimap_m365.doctor.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The mark of what is well, of a failure, and of what was not tried or cannot be told; with their colours.
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "faint")}  # noqa: RUF001 - a dash
#: Columns of a check's name: the longest ones stand a little further to the right.
_NAMES = 20
#: Columns of what is well, also in a file or a pipe: -v tells all of it.
_WIDEST = 160
_INDENT, _DEEPER = "    ", "        "
#: Where the command begins that ends a remedy: behind the words for it, or a colon if it is one of ours.
_COMMAND = re.compile(
    rf"(?:\b[Rr]un(?: again)?|\bIn PowerShell|[^\s:](?=: {errors.COMMAND} )): (?P<command>.+)$", re.DOTALL
)
#: The heading of accounts that have none, since all is well with them.
_WELL = ""
#: What --offline leaves out.
LEFT_OUT = "Left out, since --offline asks nobody: the network, a refresh, the token, IMAP and SMTP"


class Text:
    """Tells one check after the other; *verbose*: also all of what is well."""

    def __init__(self, *, several: bool, verbose: bool, many: bool = False) -> None:
        """Begin; with *several* accounts each has a heading, with *many* one line if all is well with it."""
        self._several = several
        self._verbose = verbose
        self._gathers = many and not verbose
        self._gathered: list[Check] = []
        self._heading: str | None = None
        self._told: list[Check] = []

    def tell(self, check: Check) -> list[str]:
        """
        Return the lines about *check*; its heading before it, if it begins another account.

        What a person copies is never spelt otherwise: with another quote it would mean something else.
        """
        if not self._gathers:
            return self._tell(check)
        ended = bool(self._gathered) and self._gathered[0].account != check.account
        lines = self._ended() if ended else []
        if check.account is None or check.file is not None:
            return [*lines, *self._tell(check)]
        self._gathered.append(check)
        return lines

    def _tell(self, check: Check) -> list[str]:
        told = [output.spelled(line, sys.stdout) for line in self._head(check)]
        told += _failure(check) if check.ok is False else self._line(check)
        self._told.append(check)
        return told

    def _ended(self) -> list[str]:
        """Return the lines about the account that was gathered: a single one if all is well."""
        found, self._gathered = self._gathered, []
        if not all(check.ok for check in found):
            return [line for check in found for line in self._tell(check)]
        whole = Check(errors.printable(found[0].account or ""), ok=True, meaning=f"All is well: {len(found)} checks")
        lines = [*([""] if self._told and self._heading != _WELL else []), *self._line(whole)]
        self._told += found
        self._heading = _WELL
        return [output.spelled(line, sys.stdout) for line in lines]

    def _head(self, check: Check) -> Iterator[str]:
        heading = check.account or (check.file and f"In {check.file}")
        if not self._several or heading is None or heading == self._heading:
            return
        self._heading = heading
        if self._told:
            yield ""
        yield output.paint(errors.printable(heading), "bold", sys.stdout)

    def _line(self, check: Check) -> list[str]:
        """Return what is well or not tried: in one line as far as it fits, all of it if that is wanted."""
        first = _first(check)
        meaning = output.spelled(errors.printable(check.meaning), sys.stdout)
        room = min(output.width(sys.stdout), _WIDEST) - output.columns(_plain(check)) - 1
        if output.columns(meaning) <= room:
            return [f"{first}{meaning}".rstrip()]
        if self._verbose and not output.is_terminal(sys.stdout):
            return [f"{first}{meaning}"]
        if self._verbose:
            return [first.rstrip(), *output.wrapped(meaning, sys.stdout, _INDENT)]
        return [f"{first}{output.cut(meaning, room, sys.stdout)}" if room > _NAMES else first.rstrip()]

    def end(self, *, offline: bool) -> list[str]:
        """Return the last lines: what was left out, how many checks failed, and what to do first."""
        before = self._ended() if self._gathered else []
        failed = [check for check in self._told if check.ok is False]
        lines = ["", *([f"{LEFT_OUT}."] if offline else []), *([_failed(failed, len(self._told))] if failed else [])]
        if not failed:
            lines.append(_well(self._told))
        return before + lines


def command_in(remedy: str) -> tuple[str, str]:
    """Return what a *remedy* says before its command, with the words that announce it, and the command alone."""
    found = _COMMAND.search(remedy)
    return (remedy[: found.start("command")].rstrip(), found["command"].strip()) if found else (remedy, "")


def _plain(check: Check) -> str:
    mark = output.spelled(_MARKS[check.ok][0], sys.stdout)
    return f"{mark} {check.name.ljust(_NAMES)} "


def _first(check: Check) -> str:
    """Return mark and name, in columns."""
    mark, colour = _MARKS[check.ok]
    shown = output.spelled(mark, sys.stdout)
    return output.paint(shown, colour, sys.stdout) + _plain(check)[len(shown) :]


def _failure(check: Check) -> Iterator[str]:
    """Yield what failed: its name, what it means, where, and what helps."""
    yield _first(check).rstrip()
    yield from _wrapped(f"{check.meaning.rstrip('.')}.")
    reference = [check.code, check.correlation_id and f"correlation id {check.correlation_id}"]
    about = ", ".join(part for part in reference if part and part not in check.meaning)
    if about:
        yield from _wrapped(about)
    if check.file is not None:
        yield from _correction(check)
    before, command = command_in(check.remedy)
    yield from _wrapped(before)
    if command:
        yield _DEEPER + output.paint(errors.printable(command), "bold", sys.stdout)


def _wrapped(text: str) -> list[str]:
    return output.wrapped(output.spelled(errors.printable(text), sys.stdout), sys.stdout, _INDENT)


def _correction(check: Check) -> Iterator[str]:
    """Yield the place in a file, and the line or lines as they should be there."""
    yield f"{_INDENT}{_place(check)}" + (", as it should be:" if check.corrected is not None else "")
    for line in check.corrected.split("\n") if check.corrected else ():
        yield _DEEPER + output.paint(errors.printable(line), "bold", sys.stdout)


def _place(check: Check) -> str:
    lines = [str(line) for line in (check.line, check.last_line) if line is not None]
    return errors.printable(f"{check.file}:{'-'.join(lines)}" if lines else str(check.file))


def _failed(failed: Sequence[Check], checks: int) -> str:
    """Return how many of the *checks* failed, and the first thing to do."""
    return f"{len(failed)} of {checks} {'check' if checks == 1 else 'checks'} failed. First{_first_step(failed[0])}"


def _first_step(check: Check) -> str:
    before, command = command_in(check.remedy)
    if check.corrected is not None and check.file is not None:
        return f": correct {_place(check)}"
    if command:
        where = ", in PowerShell" if before.endswith("In PowerShell:") else ""
        return errors.printable(f"{where}: {command}")
    return errors.printable(f": see {check.name}" + (f" of {check.account}" if check.account else ""))


def _well(told: Sequence[Check]) -> str:
    """Return that nothing failed, and whether there was something that was not tried."""
    untold = sum(check.ok is None for check in told)
    good = len(told) - untold
    if untold:
        return f"Nothing failed: {good} of {len(told)} checks are good, and {untold} could not be told."
    return f"All is well: {good} {'check' if good == 1 else 'checks'}."
