"""
The checks of the doctor in this process: exactly one failure, whose command is run as it is shown.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from typing import TYPE_CHECKING
from unittest import mock

from offlineimap_m365 import doctor
from offlineimap_m365.base.errors import COMMAND
from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.doctor.local import versions
from offlineimap_m365.plugin import stub
from offlineimap_m365.provider.msal_cache import AccessToken
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Step


def put_stub(program: str = "/bin/true") -> Path:
    """Write the stub with *program* as the installed command: most tests need not start a Python for it."""
    path = stub.write_stub()
    text = re.sub(r"(?m)^STUB_COMMAND = .*$", f"STUB_COMMAND = {[program]!r}", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return path


def offline(*names: str) -> list[Check]:
    """Return all checks that ask nobody; no OfflineIMAP is here, which would be started each time."""
    with mock.patch.object(versions, "which", return_value=None):
        return list(doctor.examine(doctor.Order(names, offline=True)))


def checks_of(steps: Iterable[Step], subject: Subject) -> list[Check]:
    """Return the checks that *steps* make of *subject*."""
    return [step.check(subject) for step in steps]


def named(checks: Iterable[Check], name: str) -> Check:
    """Return the check called *name*; none after it is made."""
    return next(check for check in checks if check.name == name)


def subject_of(account: Account, mailbox: str = "", token: str | None = None) -> Subject:
    """Return the *account* under examination, with a *token* that lives for an hour if there is one."""
    now = int(time.time())
    kept = None if token is None else AccessToken(token, now, now + 3600)
    return Subject(account.name, mailbox or account.name, account=account, token=kept)


def by_name(checks: Iterable[Check], secret: str) -> dict[str, Check]:
    """Return the *checks* by name; each failure has a meaning and a remedy, and none says the *secret*."""
    found = {check.name: check for check in checks}
    for check in found.values():
        assert secret not in repr(check)
        assert not check.meaning.endswith(".")
        assert bool(check.remedy.text) is (check.ok is False)
    return found


def step_that_failed(found: Mapping[str, Check]) -> Check:
    """Return the only check that failed; those before it are good, those behind it were not tried."""
    states = [check.ok for check in found.values()]
    wrong = states.index(False)
    assert states == [True] * wrong + [False] + [None] * (len(states) - wrong - 1)
    return list(found.values())[wrong]


def only(checks: Iterable[Check], name: str) -> Check:
    """Return the check that failed: exactly one, called *name*, with a meaning and a command."""
    failed = [check for check in checks if check.ok is False]
    assert [check.name for check in failed] == [name], failed
    check = failed[0]
    assert check.meaning
    assert not check.meaning.endswith(".")
    assert command_of(check)
    return check


def is_well(checks: Iterable[Check]) -> bool:
    """Tell whether nothing failed."""
    failed = [check for check in checks if check.ok is False]
    assert failed == []
    return True


def command_of(check: Check) -> str:
    """Return the command of the remedy, which is typed into a shell."""
    assert check.remedy.where == "shell"
    assert check.remedy.command, f"no command that could be followed: {check.remedy.text}"
    return check.remedy.command


def follow(check: Check) -> None:
    """Run the command that the *check* advises: our own in this process, others in a shell."""
    for command in command_of(check).split(" && "):
        program, *words = shlex.split(command)
        if program == COMMAND:
            outcome = in_process.run(*words)
            assert outcome.code == 0, outcome.err
        else:
            subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, check=True)
