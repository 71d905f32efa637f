"""
The list of every command with its options: ``python -m tests.options >docs/options.md``.

A test checks that it is current.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments

if TYPE_CHECKING:
    import argparse

    from offlineimap_m365.cli.arguments import Command

RESULT = Path(__file__).resolve().parents[1] / "docs" / "options.md"
_HEAD = f"""# Commands and their options

Made from the parser by `python -m tests.options >docs/options.md`. The man pages and `{errors.COMMAND} COMMAND --help`
say the same.
"""


def document() -> str:
    """Return the whole list: a table for each command."""
    program = arguments.program()
    return _HEAD + "".join(map(_section, (program, *arguments.commands())))


def _section(command: Command) -> str:
    """Return the table of one command."""
    name = " ".join(filter(None, (errors.COMMAND, command.name)))
    rows = [
        f"| {_names(action)} | {_cell(command.help(action))} |"
        for action in (*command.operands(), *command.options())
        if action.help
    ]
    return (
        f"\n## {name}\n\n{_cell(command.parser.description or '')}\n\n| option | |\n|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _names(action: argparse.Action) -> str:
    """Return an option with what it takes; spaces and bars are kept from the table."""
    value = arguments.value(action).replace("|", "\\|")
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    return " ".join(filter(None, (names, f"*{value}*" if value else "")))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(document())
