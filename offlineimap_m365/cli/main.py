"""
The last door: one command is run, and whatever comes out of it becomes an exit code and at most six lines.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, notices
from offlineimap_m365.cli import arguments
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run the command line *argv* (without the program's name) and return its exit code."""
    notices.listen(lambda text: say(f"{errors.COMMAND}: {text}"))
    try:
        options = arguments.parser().parse_args(argv)
    except SystemExit as leaving:
        return _left(leaving.code)
    try:
        code = _run(options)
        _renew_stub()
    except errors.M365Error as error:
        return prompt.tell(error, verbose=options.verbose)
    except KeyboardInterrupt:
        say()
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: a bug gets a line and 70, not a traceback
        where = traceback.extract_tb(error.__traceback__)[-1]
        bug = errors.M365Error(
            f"A bug: {type(error).__name__} in {Path(where.filename).name}, line {where.lineno}",
            remedy="Report it with the command that you ran; -v shows more",
        )
        bug.__traceback__ = error.__traceback__
        return prompt.tell(bug, verbose=options.verbose)
    return code


def _run(options: argparse.Namespace) -> int:
    """Run the command in its room, which is loaded now: no command pays for what another needs."""
    room = importlib.import_module(f"offlineimap_m365.cli.commands.{arguments.room(options.command)}")
    code: int = room.run(options)
    return code


def _renew_stub() -> None:
    """Let OfflineIMAP find this version, if an older one wrote the stub (contract §2)."""
    from offlineimap_m365.plugin import stub  # noqa: PLC0415 - after the answer was given

    stub.renew_stub()


def _left(code: object) -> int:
    """Return the exit code of what argparse did itself: help, version, or an error of usage."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter tries again at its end, and complains
        return 0 if isinstance(error, BrokenPipeError) else errors.Temporary.exit_code
    return code if isinstance(code, int) else 0
