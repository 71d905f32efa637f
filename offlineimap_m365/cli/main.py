"""
Run one command, and turn its result into an exit code and at most six lines of error message.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from offlineimap_m365.base import errors, notices
from offlineimap_m365.cli import arguments
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.knowledge import installation
from offlineimap_m365.plugin import stub

_INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run the command line *argv* (without the program's name) and return its exit code."""
    notices.listen(lambda text: say(f"{errors.COMMAND}: {text}"))
    try:
        options = _parse(argv)
    except SystemExit as leaving:
        return _end_of_output(leaving.code)
    try:
        # Imported only now: no command pays for the imports of another.
        command = importlib.import_module(f"offlineimap_m365.cli.commands.{options.command}_command")
        code: int = command.run(options)
        stub.renew_stub()  # so that OfflineIMAP finds this version if an older one wrote it (contract §2)
    except errors.M365Error as error:
        return prompt.tell(error, verbose=options.verbose)
    except KeyboardInterrupt:
        say()
        say("Cancelled.")
        return _INTERRUPTED
    except ImportError as error:
        return prompt.tell(installation.broken(error), verbose=options.verbose)
    except Exception as error:  # noqa: BLE001 - a bug gets one line and exit code 70 instead of a traceback
        return prompt.tell(prompt.bug(error), verbose=options.verbose)
    return code


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options in *argv*; raises SystemExit after a help text, the version, or wrong usage."""
    for option in sorted(arguments.REMOVED.intersection(argv)):
        say(f"{errors.COMMAND}: {option} no longer exists and is ignored")
    parser = arguments.parser()
    options = parser.parse_args([word for word in argv if word not in arguments.REMOVED])
    if options.command is None:
        parser.print_help()
        parser.exit()
    return options


def _end_of_output(code: object) -> int:
    """Flush what argparse printed, and return the exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter tries again when it exits, and complains
        return 0 if isinstance(error, BrokenPipeError) else errors.Temporary.exit_code
    return code if isinstance(code, int) else 0
