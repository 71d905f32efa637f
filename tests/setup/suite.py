"""The checks themselves: lint, types, import fences, tests; as the ordinary user, on the copy of the tree."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.setup import environ, inventory, process
from tests.setup.report import StepError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.setup.machine import Machine
    from tests.setup.report import Report
    from tests.setup.venvs import Venv

#: Seconds after which a test counts as hanging; the slowest waits for OfflineIMAP's autorefresh, about 25 s.
_TEST_TIMEOUT = 240
#: Seconds for a whole suite.
_SUITE_TIMEOUT = 40 * 60
_LONG_SUITE_TIMEOUT = 4 * 60 * 60
#: What another Python than the main one runs: of the tests that start servers and programs only those that look at
#: the matrix, and of the others none that is slow and cannot differ there.
_UNITS_AND_MATRIX = "(matrix or not whole) and not once"


@dataclass(frozen=True)
class Suite:
    """What is checked on a *machine*, told to *report*; *arguments* go to pytest."""

    machine: Machine
    report: Report
    long: bool
    arguments: Sequence[str]

    def check_code(self) -> None:
        """Look at the code without running it."""
        cache = self.machine.kept / "cache"
        ruff = ["--no-fix", "--cache-dir", str(cache / "ruff")]
        self._tool("ruff check", "ruff", "check", *ruff, ".")
        self._tool("ruff format --check", "ruff", "format", "--check", "--cache-dir", str(cache / "ruff"), ".")
        self._tool("mypy --strict", "mypy", "--strict", "--cache-dir", str(cache / "mypy"))
        self._tool("lint-imports", "lint-imports", "--no-cache")

    def run_tests(self) -> None:
        """Run all tests on the main Python, and on each other what can differ there."""
        for python in self.machine.pythons:
            is_main = python is self.machine.pythons[0]
            chosen = [] if is_main else [_UNITS_AND_MATRIX]
            chosen += [] if self.long else ["not long"]
            venv = self.machine.tests[python.version]
            name = f"pytest, Python {python.version}" + ("" if is_main else ", units and matrix")
            self.report.check(name, partial(self._pytest, venv, " and ".join(chosen)))

    def _tool(self, name: str, program: str, *arguments: str) -> None:
        """Run a *program* of the main environment on the tree."""

        def act() -> str:
            command = [str(self.machine.main.path / "bin" / program), *arguments]
            process.run(command, environ=self._environ(), cwd=self.machine.tree, user=self.machine.user)
            return ""

        self.report.check(name, act)

    def _pytest(self, venv: Venv, expression: str) -> str:
        """Run the tests that *expression* chooses in *venv*; programs left behind are a failure."""
        result = self.machine.passing / "tmp" / f"{venv.path.name}.xml"
        command = [str(venv.path / "bin" / "pytest"), "--quiet", "-p", "no:cacheprovider"]
        # Two more than there are cores, since many tests wait; a long file is shared, so that no worker is last.
        command += ["-n", str(min(4, os.cpu_count() or 2) + 2), "--dist", "worksteal"]
        command += ["--junitxml", str(result), "--timeout", str(_TEST_TIMEOUT)]
        command += ["-m", expression] if expression else []
        command += self.arguments
        limit = _LONG_SUITE_TIMEOUT if self.long else _SUITE_TIMEOUT
        tree, user = self.machine.tree, self.machine.user
        try:
            output = process.run(command, environ=self._environ(), cwd=tree, user=user, timeout=limit)
        finally:
            left = process.end_children()
            note = self._count(result)
        if left:
            raise StepError(f"{output}\nThe tests left programs behind: {', '.join(left)}")
        if self.arguments:
            self.report.say(output.rstrip())
        return note

    def _count(self, result: Path) -> str:
        """Add what pytest wrote to *result* (JUnit's XML) to the sum, and return it as a note."""
        try:
            suites = list(ET.parse(result).getroot().iter("testsuite"))
        except (OSError, ET.ParseError):
            self.report.count(0, 1, 0)
            return ""
        names = ("tests", "failures", "errors", "skipped")
        total, failures, errors, skipped = (sum(int(suite.get(n, "0")) for suite in suites) for n in names)
        failed = failures + errors
        self.report.count(total - failed - skipped, failed, skipped)
        return f"{total - failed - skipped} passed" + (f", {skipped} skipped" if skipped else "")

    def _environ(self) -> dict[str, str]:
        """Return what a test finds in its environment."""
        found = environ.for_testing(self.machine.passing)
        found[inventory.VARIABLE] = str(self.machine.passing / "environments.json")
        if self.long:
            found["M365_TESTS_LONG"] = "1"
        return found
