"""What a run says: one line per step with its time, the output of what failed, a table at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH = 34


class StepError(Exception):
    """A step did not succeed; *args[0]* is what a person has to read about it."""


@dataclass(frozen=True)
class Row:
    """One step as the summary shows it; *seconds* is how long it took."""

    name: str
    good: bool
    seconds: float
    note: str

    def line(self) -> str:
        """Return the row as one line without its end."""
        word = "ok" if self.good else "FAILED"
        return f"{self.name:<{_WIDTH}} {word:<6} {self.seconds:7.1f} s  {self.note}".rstrip()


@dataclass
class Report:
    """Collects the rows of a run and writes them to *stream* as they come."""

    stream: TextIO
    rows: list[Row] = field(default_factory=list)
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def say(self, text: str) -> None:
        """Write *text* and a line end at once, since a log is read while it grows."""
        self.stream.write(text + "\n")
        self.stream.flush()

    def need(self, name: str, act: Callable[[], str]) -> None:
        """Do *act*, which returns a note; without this step there is no sense in going on.

        Raises: StepError, after the row was written.
        """
        if not self.check(name, act):
            raise StepError(name)

    def check(self, name: str, act: Callable[[], str]) -> bool:
        """Do *act*, which returns a note or raises `StepError`; tell whether it succeeded."""
        start = time.monotonic()
        try:
            note, good, output = act(), True, ""
        except StepError as failure:
            note, good, output = "", False, str(failure)
        row = Row(name, good, time.monotonic() - start, note)
        self.rows.append(row)
        self.say(row.line())
        if output:
            self.say(output.rstrip())
        return good

    def count(self, passed: int, failed: int, skipped: int) -> None:
        """Add the tests of one suite to the sum."""
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def good(self) -> bool:
        """Tell whether every step succeeded."""
        return all(row.good for row in self.rows)

    def summarise(self) -> int:
        """Write the table and the sum, and return the exit code."""
        self.say("")
        for row in self.rows:
            self.say(row.line())
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        total = sum(row.seconds for row in self.rows)
        self.say(f"\n{self.passed} passed, {self.failed} failed{skipped} in {total:.0f} s")
        broken = [row.name for row in self.rows if not row.good]
        if broken:
            self.say(f"Not good: {', '.join(broken)}")
        return 1 if broken else 0
