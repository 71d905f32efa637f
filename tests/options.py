"""
Every command with its options, read out of the parser.

``python -m tests.options`` writes ``tests/results/options.md`` and the table in the README; a test looks whether both
are current.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.cli import command_line

if TYPE_CHECKING:
    import argparse

    from offlineimap_m365.cli.command_line import Command

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULT = ROOT / "tests" / "results" / "options.md"
#: What encloses the table in the README.
BEGIN, END = "<!-- options: made by python -m tests.options -->", "<!-- options end -->"
#: Three commands ask Microsoft on behalf of a client; what says how is told once.
_ASKING = ("login", "consent", "import")
_HEAD = f"""# Commands and their options

Made by `python -m tests.options` out of the parser; a test looks whether it is current. The man pages and
`{errors.COMMAND} COMMAND --help` say the same.
"""


def document() -> str:
    """Return the whole list: a table for each command."""
    program = command_line.program()
    return _HEAD + "".join(map(_section, (program, *command_line.commands())))


def table() -> str:
    """Return the README's table: a row for each command, with the names of its options."""
    found = command_line.commands()
    shared = _shared(found)
    rows = [(_code([command.name]), command.summary, _code(_own(command, shared))) for command in found]
    askers = ", ".join(_code([name]) for name in _ASKING)
    rows.append((askers, "besides: who asks, where, for what, and where it is kept", _code(shared)))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([BEGIN, "| command | does | options |", "| --- | --- | --- |", *lines, END])


def replaced(readme: str) -> str:
    """Return the text of the README with the table as it is now."""
    before, _, rest = readme.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


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
    value = command_line.value(action).replace("|", "\\|")
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    return " ".join(filter(None, (names, f"*{value}*" if value else "")))


def _shared(found: list[Command]) -> list[str]:
    """Return the options that all commands have which ask on behalf of a client, and not all commands."""
    first, *others = ([_name(option) for option in each.options()] for each in found if each.name in _ASKING)
    everywhere = set.intersection(*({_name(option) for option in each.options()} for each in found))
    return [name for name in first if all(name in other for other in others) and name not in everywhere]


def _own(command: Command, shared: list[str]) -> list[str]:
    """Return the names of a command's options but for help, verbosity and what is told once."""
    told = {"--help", "--verbose", *(shared if command.name in _ASKING else ())}
    return [name for name in map(_name, command.options()) if name not in told]


def _name(option: argparse.Action) -> str:
    """Return the long name of an *option*, the first of two."""
    return next(name for name in option.option_strings if name.startswith("--"))


def _code(words: list[str]) -> str:
    return f"`{' '.join(words)}`" if words else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    RESULT.write_text(document(), encoding="utf-8")
    README.write_text(replaced(README.read_text(encoding="utf-8")), encoding="utf-8")
