"""
Completion scripts for bash, zsh and fish, made from the parser.

Each shell has a template beside this module. What can be completed is a list of words, in which ``@accounts`` and
``@files`` stand for the accounts of this user and for files.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.cli import parser_actions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from offlineimap_m365.cli.parser_actions import Command

#: What is offered for a metavar or, for values that are not the only ones possible, for a destination.
_OFFERS = {
    "ACCOUNT": ("@accounts",),
    "FILE": ("@files",),
    "F": ("@files",),
    "STORE": ("file", "keyring", "gpg:", "auto"),
    "scope": ("imap", "smtp", "pop"),
}


def script(shell: str) -> str:
    """Return the completion script of *shell*: ``bash``, ``zsh`` or ``fish``."""
    template = Path(__file__).with_name(f"completion.{shell}").read_text(encoding="utf-8")
    for name, lines in _PARTS[shell]().items():
        template = template.replace(f"@{name}@", "\n".join(lines))
    return template


def _offers(command: Command, action: argparse.Action) -> tuple[str, ...]:
    """Return what can be completed for *action*, an option or an operand."""
    if action.dest == "words":
        return ("@accounts", *(recipes.PROGRAMS if command.name == "config" else ()))
    if action.choices:
        return tuple(map(str, action.choices))
    return _OFFERS.get(str(action.metavar)) or _OFFERS.get(action.dest, ())


def _bash() -> dict[str, list[str]]:
    """Return the branches of three case statements."""
    options, values, operands = [], [], []
    for command in (parser_actions.program(), *parser_actions.commands()):
        options.append(f"    {command.name or repr('')}) echo {' '.join(_long_names(command))} ;;")
        for action in command.options():
            if action.nargs != 0:
                patterns = " | ".join(f'"{command.name} {name}"' for name in action.option_strings)
                values.append(f"    {patterns}) echo '{' '.join(_offers(command, action))}' ;;")
        for number, action in enumerate(command.operands(), 1):
            place = f'"{command.name} "*' if action.nargs == "*" else f'"{command.name} {number}"'
            operands.append(f"    {place}) echo '{' '.join(_offers(command, action))}' ;;")
    names = [command.name for command in parser_actions.commands()]
    return {"OPTIONS": options, "VALUES": values, "OPERANDS": operands, "COMMANDS": [" ".join(names)]}


def _long_names(command: Command) -> list[str]:
    return [name for action in command.options() for name in action.option_strings if name.startswith("--")]


def _zsh() -> dict[str, list[str]]:
    """Return arguments for zsh's ``_arguments`` and ``_describe`` (zshcompsys(1))."""
    general = [f"    {spec} \\" for spec in _zsh_options(parser_actions.program())]
    branches, names = [], []
    for command in parser_actions.commands():
        names.append(f"    {_quoted(f'{command.name}:{command.summary}')}")
        specs = [*_zsh_options(command), *_zsh_operands(command)]
        branches.append(f"    {command.name}) _arguments {' '.join(specs)} ;;")
    programs = " ".join(recipes.PROGRAMS)
    return {"GENERAL": general, "COMMANDS": names, "BRANCHES": branches, "PROGRAMS": [programs]}


def _zsh_options(command: Command) -> Iterator[str]:
    for action in command.options():
        text = "".join(f"\\{c}" if c in "[]:\\" else c for c in command.help(action))
        repeatable = "*" if isinstance(action, argparse._AppendAction) else ""  # noqa: SLF001 - no public name
        for name in action.option_strings:
            equals = "=" if action.nargs != 0 and name.startswith("--") else ""
            value = f":{action.dest}:{_zsh_action(command, action)}" if action.nargs != 0 else ""
            yield _quoted(f"{repeatable}{name}{equals}[{text}]{value}")


def _zsh_operands(command: Command) -> Iterator[str]:
    for action in command.operands():
        many = "*" if action.nargs == "*" else ""
        yield _quoted(f"{many}:{action.dest}:{_zsh_action(command, action)}")


def _zsh_action(command: Command, action: argparse.Action) -> str:
    offers = _offers(command, action)
    if "@accounts" in offers:
        return "_offlineimap_m365_accounts" + ("_and_programs" if len(offers) > 1 else "")
    if "@files" in offers:
        return "_files"
    return f"({' '.join(offers)})".replace(":", r"\:") if offers else " "


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"


def _fish() -> dict[str, list[str]]:
    """Return lines of fish's ``complete``."""
    lines = [
        f"complete -c $program -n '_offlineimap_m365_command' -a {command.name} -d {_quoted(command.summary)}"
        for command in parser_actions.commands()
    ]
    for command in (parser_actions.program(), *parser_actions.commands()):
        when = f"complete -c $program -n '_offlineimap_m365_command {command.name}'"
        for action in command.options():
            names = " ".join(
                f"-{'l' if name.startswith('--') else 's'} {name.lstrip('-')}" for name in action.option_strings
            )
            value = _fish_value(_offers(command, action), "-x") if action.nargs != 0 else ""
            lines.append(f"{when} {names} {value} -d {_quoted(command.help(action))}")
        lines += [f"{when} {_fish_value(_offers(command, action), '')}" for action in command.operands()]
    return {"LINES": lines}


def _fish_value(offers: tuple[str, ...], without_files: str) -> str:
    """Return the options of ``complete`` that offer a value; *without_files* where files are none."""
    if "@files" in offers:
        return "-r -F" if without_files else "-F"
    words = " ".join("(_offlineimap_m365_accounts)" if word == "@accounts" else word for word in offers)
    return f"{without_files} -a {_quoted(words)}".strip()


_PARTS: dict[str, Callable[[], dict[str, list[str]]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
