"""
``completion``: the completion script of a shell, and what such a script offers.

The scripts call ``completion SHELL =WORD...`` with the words on the line, and read one candidate from each line. The
``=`` lets argparse take a word such as ``--json`` for an operand.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import fresh_token
from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import arguments

if TYPE_CHECKING:
    from offlineimap_m365.cli.arguments import Command

#: What is offered for a metavar or a destination; at ``@files`` the shell offers files.
_OFFERS = {
    "FILE": ("@files",),
    "F": ("@files",),
    "STORE": ("file", "keyring", "gpg:", "auto"),
    "scope": ("imap", "smtp", "pop"),
}


def run(options: argparse.Namespace) -> int:
    """Print the script of the shell that was named, or what the last word can be, with a summary after a tab."""
    if not options.words:
        return fresh_token.hand_out(script(options.shell).rstrip("\n"))
    words = [word.removeprefix("=") for word in options.words]
    offers = [offer for offer in _candidates(words) if offer == "@files" or offer.startswith(words[-1])]
    return fresh_token.hand_out("\n".join(offers)) if offers else 0


def script(shell: str) -> str:
    """Return the completion script of *shell*: ``bash``, ``zsh`` or ``fish``."""
    template = Path(__file__).parent.with_name(f"completion.{shell}").read_text(encoding="utf-8")
    return template.replace("@VERSION@", __version__)


def _candidates(words: Sequence[str]) -> Iterator[str]:
    """Yield what can stand in the place of the last word."""
    *before, last = words
    command, operands, option = arguments.program(), 0, None
    commands = {each.name: each for each in arguments.commands()}
    for word in before:
        if option is not None:  # this word is its value
            option = None
        elif word.startswith("-"):
            option = _option(command, word)
        elif command.name:
            operands += 1
        else:
            command = commands.get(word, command)
    if option is not None:
        yield from _offers(command, option)
    elif last.startswith("--") and "=" in last:
        name, _, _ = last.partition("=")
        option = _option(command, name)
        yield from (f"{name}={offer}" if offer != "@files" else offer for offer in _offers(command, option))
    elif last.startswith("-"):
        for action in command.options():
            yield from (f"{name}\t{command.help(action)}" for name in action.option_strings if name.startswith("--"))
    elif not command.name:
        yield from (f"{each.name}\t{each.summary}" for each in commands.values())
    else:
        actions = command.operands()
        many = [action for action in actions if action.nargs == "*"]
        yield from _offers(command, next(iter([*actions[operands:], *many]), None))


def _option(command: Command, word: str) -> argparse.Action | None:
    """Return the option *word* of *command* if it takes a value."""
    return next((action for action in command.options() if word in action.option_strings and action.nargs != 0), None)


def _offers(command: Command, action: argparse.Action | None) -> Sequence[str]:
    """Return what can be completed for *action*, an option or an operand."""
    if action is None:
        return ()
    if action.metavar == "ACCOUNT":
        return profiles.names_if_readable()
    if action.dest == "words":
        return [*profiles.names_if_readable(), *(recipes.PROGRAMS if command.name == "config" else ())]
    if action.choices:
        return list(action.choices)
    return _OFFERS.get(str(action.metavar)) or _OFFERS.get(action.dest, ())
