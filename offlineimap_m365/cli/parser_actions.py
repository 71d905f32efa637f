"""
Read the parser: its commands, their options and operands. The only module that uses argparse's private attributes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from offlineimap_m365.cli import arguments


@dataclass(frozen=True)
class Command:
    """A command: its *name* (empty for the program itself), its *summary* in the list of commands, its *parser*."""

    name: str
    summary: str
    parser: argparse.ArgumentParser

    def options(self) -> list[argparse.Action]:
        """Return the options that the help shows."""
        return [action for action in _shown(self.parser) if action.option_strings]

    def operands(self) -> list[argparse.Action]:
        """Return the arguments that are no options, such as ACCOUNT and FILE."""
        return [action for action in _shown(self.parser) if not action.option_strings and not _is_list(action)]

    def alternatives(self) -> list[list[argparse.Action]]:
        """Return the groups of options that exclude each other."""
        groups = self.parser._mutually_exclusive_groups  # noqa: SLF001
        return [group._group_actions for group in groups]  # noqa: SLF001

    def help(self, action: argparse.Action) -> str:
        """Return the help text of *action* with its default filled in."""
        return (action.help or "") % {**vars(action), "prog": self.parser.prog}


def program() -> Command:
    """Return the program itself, with the options that may precede a command."""
    parser = arguments.parser()
    return Command("", parser.description or "", parser)


def commands() -> list[Command]:
    """Return the commands, in the order of the help."""
    subparsers = next(action for action in arguments.parser()._actions if _is_list(action))  # noqa: SLF001
    assert isinstance(subparsers, argparse._SubParsersAction)  # noqa: S101, SLF001
    return [Command(name, arguments.COMMANDS[name][0], parser) for name, parser in subparsers.choices.items()]


def value(action: argparse.Action) -> str:
    """Return what an option takes, as one word: its metavar or its choices; empty for a switch."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.help != argparse.SUPPRESS]  # noqa: SLF001


def _is_list(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
