"""``tests/try``: says what it would install, asks, installs, and shows the whole way with `tests.demo`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.setup import debian, environ, process, venvs
from tests.setup import user as users
from tests.setup.report import Report, StepError
from tests.setup.run import INTERRUPTED, prepare, prepare_signals

if TYPE_CHECKING:
    from tests.setup.machine import Machine

#: As `pip install 'offlineimap-m365[offlineimap]'` would bring it; msal comes with the test libraries.
_OFFLINEIMAP = ("offlineimap>=8.0.2",)


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code of the demonstration."""
    options = _parse(arguments)
    report = Report(sys.stderr)
    _announce(report)
    if not options.yes and sys.stdin.isatty() and not _agreed():
        report.say("Nothing was changed.")
        return 1
    prepare_signals()
    try:
        with ExitStack() as stack:
            stack.callback(process.end_children)
            machine = prepare(stack, report, debian.FOR_TRYING, keep=options.keep, fresh=False)
            report.need("Python", lambda: machine.find_pythons(quick=True))
            report.need("virtual environment", lambda: _make(machine))
            return _show(machine, options.demo)
    except StepError as failure:
        if str(failure) not in {row.name for row in report.rows}:
            report.say(str(failure))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _announce(report: Report) -> None:
    """Say what would be installed and where."""
    packages = debian.missing(debian.FOR_TRYING)
    report.say("This shows the whole way, with a Microsoft 365 made of real parts on 127.0.0.1.")
    report.say(f"Debian packages to install, starting no service: {' '.join(packages) or 'none'}")
    if users.is_needed():
        report.say(f"A system user to make, since nothing of it should run as root: {users.NAME}")
    report.say("Python packages go to a virtual environment below $M365_TESTS_WORK, else below /var/tmp.")


def _agreed() -> bool:
    """Ask the person at the terminal."""
    sys.stderr.write("Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _make(machine: Machine) -> str:
    """Make one environment with the package, OfflineIMAP and what the test bed is made of."""
    extra = machine.passing / "offlineimap.txt"
    extra.write_text("\n".join(_OFFLINEIMAP) + "\n", "utf-8")
    python = machine.pythons[0]
    venv = machine.builder.tests(python, (venvs.TESTS, venvs.CHECKS, extra), kind="trial")
    machine.tests[python.version] = venv
    machine.builder.add(venv, venv, machine.make_wheel())
    return ", ".join(f"{name} {venv.version_of(name)}" for name in ("offlineimap", "msal"))


def _show(machine: Machine, arguments: list[str]) -> int:
    """Run the demonstration as the ordinary user, on this terminal, and return its exit code."""
    found = environ.for_testing(machine.passing)
    found["PATH"] = f"{machine.main.path / 'bin'}:{found['PATH']}"
    user = machine.user
    return subprocess.run(
        [str(machine.main.python), "-m", "tests.demo", *arguments],
        cwd=machine.tree,
        env=found,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        umask=0o022,
        check=False,
    ).returncode


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options; ``demo`` is what stands after ``--``."""
    parser = argparse.ArgumentParser(
        prog="tests/try",
        description="Sign in, sync with OfflineIMAP, send with msmtp. Says what it installs, and asks.",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep", action="store_true", help="keep the directory in which it ran")
    parser.add_argument("demo", nargs="*", help="arguments for the demonstration, after --")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
