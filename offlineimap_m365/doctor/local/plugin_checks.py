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
#: The first word of a command, if it can only be a program or a word of the shell.
_PROGRAM = re.compile(r"\s*([\w./+-]+)(?=\s|$)")


def examine_notify(machine: Subject) -> Check:
    """Return whether the program of notify's command is there, if one is set. It is not run."""
    off = Remedy("Look at it, then set the command anew with notify --command", f"{errors.COMMAND} notify --off")
    try:
        command = notify.command()
    except errors.Misconfigured as error:
        return machine.bad("notify", error.fact, off)
    if command is None:
        samples = f"{errors.COMMAND} config notify"
        return machine.good("notify", f"No command is set that tells you when an account needs you; samples: {samples}")
    program = _PROGRAM.match(command)
    look_up = ["/bin/sh", "-c", 'command -v -- "$1"', "sh", program[1] if program else "true"]
    if process.run(look_up, seconds=_PATIENCE).code:
        return machine.bad("notify", f"The command of notify cannot run: there is no program “{look_up[-1]}”", off)
    return machine.good("notify", "A command is set that tells you when an account needs you")


def examine_stub(machine: Subject) -> Check:
    """Return whether OfflineIMAP's pythonfile is there, and names a program that runs."""
    path, write = stub.stub_path(), f"{errors.COMMAND} config --pythonfile"
    fault, remedy = stub.stub_fault(), Remedy("Write it anew", write)
    if fault == stub.FOREIGN:
        move = f"mv {errors.quoted(str(path))} {errors.quoted(f'{path}.mine')}"
        remedy = Remedy("Move it away and write the right one", f"{move} && {write}")
    elif not fault:
        command = stub.recorded_command()
        result = process.run([*(command or ["false"]), "--version"], seconds=_PATIENCE)
        reason = (result.reason or result.ended) if result.code is None else f"exit code {result.code}"
        if not result.is_success:
            fault = f"names a command that does not run ({reason}): {shlex.join(command)}"
    if fault:
        return machine.bad("stub", f"{path}, which OfflineIMAP loads, {fault}", remedy)
    return machine.good("stub", f"For OfflineIMAP: pythonfile = {path}")
