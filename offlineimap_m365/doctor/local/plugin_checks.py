"""
What runs outside this command: the user's command of ``notify``, and the stub that OfflineIMAP loads.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, process
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.plugin import stub
from offlineimap_m365.tokens import notify

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject

#: Seconds for the shell to look for a program, and for our own command to print its version.
_PATIENCE = 10.0
#: What stands before a command of a shell (POSIX, "Simple Commands").
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
#: Characters that only the shell itself can interpret.
_SPECIAL = frozenset("~$`*?[(){}<>|&;!#")


def examine_notify(machine: Subject) -> Check:
    """Return whether the command of notify can be run, if one is set."""
    off = Remedy("Look at it, then set the command anew with notify --command", f"{errors.COMMAND} notify --off")
    try:
        command = notify.command()
    except errors.Misconfigured as error:
        return machine.bad("notify", error.fact, off)
    if command is None:
        samples = f"{errors.COMMAND} config notify"
        return machine.good("notify", f"No command is set that tells you when an account needs you; samples: {samples}")
    fault = _fault(command)
    if fault:
        return machine.bad("notify", f"The command of notify cannot run: {fault}", off)
    return machine.good("notify", "A command is set that tells you when an account needs you")


def _fault(command: str) -> str:
    """Return what is wrong with the *command*, as the shell sees it before it runs it; "" if nothing is."""
    if _shell("-n", "-s", script=command):
        return "it is not valid for the shell"
    try:
        words = shlex.split(command, comments=True)
    except ValueError:  # the shell knows more kinds of quotes
        return ""
    first = next((word for word in words if not _ASSIGNMENT.match(word)), "")
    if not first or _SPECIAL.intersection(first) or not _shell("-c", 'command -v -- "$1"', "sh", first):
        return ""
    return f"there is no program “{first}”"


def _shell(*arguments: str, script: str = "") -> int:
    """
    Return the exit code of a shell with *arguments*, 0 if it does not end in time.

    A *script* goes through standard input: it may hold a secret, and everybody sees the arguments of a process.
    """
    stdin = script.encode("utf-8", "replace")
    return process.run(["/bin/sh", *arguments], stdin=stdin, seconds=_PATIENCE).code or 0


def examine_stub(machine: Subject) -> Check:
    """Return whether OfflineIMAP's pythonfile is there, and names a program that runs."""
    path, write = stub.stub_path(), f"{errors.COMMAND} config --pythonfile"
    fault = stub.stub_fault()
    if fault and stub.is_foreign_stub():
        move = f"mv {errors.quoted(str(path))} {errors.quoted(f'{path}.mine')}"
        return machine.bad(
            "stub", f"{path} {fault}", Remedy("Move it away and write the right one", f"{move} && {write}")
        )
    fault = fault or _command_fault(stub.recorded_command())
    if fault:
        return machine.bad("stub", f"{path}, which OfflineIMAP loads, {fault}", Remedy("Write it anew", write))
    return machine.good("stub", f"For OfflineIMAP: pythonfile = {path}")


def _command_fault(command: list[str]) -> str:
    """Return that the *command* in the stub does not run, as the end of a sentence; "" if it does."""
    if not command:
        return "names no command"
    shown = shlex.join(command)
    result = process.run([*command, "--version"], seconds=_PATIENCE)
    if result.ended == process.NOT_STARTED:
        return f"names a command that cannot be run ({result.reason}): {shown}"
    if result.code is None:
        return f"names a command that does not finish within {_PATIENCE:.0f} s: {shown}"
    return f"names a command that ends with exit code {result.code}: {shown}" if result.code else ""
