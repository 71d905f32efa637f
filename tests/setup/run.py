"""``tests/run``: lint, types, import fences and all tests, on whatever machine this is."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from contextlib import ExitStack

from tests.setup import debian, environ, place, process
from tests.setup import user as users
from tests.setup.machine import Machine
from tests.setup.report import Report, StepError
from tests.setup.suite import Suite
from tests.setup.venvs import Builder

#: 128 and the number of SIGINT, as shells have it.
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    options, for_pytest = _parse(arguments)
    report = Report(sys.stdout)
    prepare_signals()
    try:
        with ExitStack() as stack:
            stack.callback(process.end_children)
            _steps(stack, report, options, for_pytest)
    except StepError as failure:
        if str(failure) not in {row.name for row in report.rows}:
            report.say(str(failure))
            return 1
    except KeyboardInterrupt:
        report.say("Interrupted")
        return INTERRUPTED
    return report.summarise()


def prepare_signals() -> None:
    """Have all that ends us end our children too."""
    process.adopt_orphans()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)


def prepare(stack: ExitStack, report: Report, packages: tuple[str, ...], *, keep: bool, fresh: bool) -> Machine:
    """Install *packages*, find or make the ordinary user and the directories, and return the machine."""
    installing = environ.for_installing()
    report.need("Debian packages", lambda: debian.install(packages, installing))
    user = users.ordinary_user(installing)
    kept = stack.enter_context(place.kept(os.environ.get("M365_TESTS_WORK"), user))
    passing = stack.enter_context(place.passing(user, keep=keep))
    if fresh:
        shutil.rmtree(kept / "venvs", ignore_errors=True)
    if keep:
        report.say(f"Kept afterwards: {passing}")
    return Machine(kept, passing, user, Builder(kept / "venvs", installing))


def _steps(stack: ExitStack, report: Report, options: argparse.Namespace, for_pytest: list[str]) -> None:
    """Do one step after the other."""
    machine = prepare(stack, report, debian.FOR_TESTING, keep=options.keep, fresh=options.fresh)
    report.need("Pythons", lambda: machine.find_pythons(quick=options.quick))
    report.need("main environment", machine.make_main)
    suite = Suite(machine, report, options.long, for_pytest)
    suite.check_code()
    report.need("environments with the wheel", lambda: machine.make_others(machine.make_wheel()))
    suite.run_tests()


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our options, and what stands after ``--`` for pytest."""
    ours, for_pytest = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        ours, for_pytest = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="tests/run",
        description="Install what the tests need, then run lint, types, import fences and all tests.",
        epilog="What stands after -- goes to pytest. What takes long to make is kept in $M365_TESTS_WORK.",
    )
    parser.add_argument("--quick", action="store_true", help="one Python only")
    parser.add_argument("--long", action="store_true", help="the long form of the storms too")
    parser.add_argument("--keep", action="store_true", help="keep the directory in which the tests ran")
    parser.add_argument("--fresh", action="store_true", help="make all virtual environments anew")
    return parser.parse_args(ours), for_pytest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
