"""
Completions for bash, zsh and fish, which shtab makes of the parser.

What the parser cannot say is told here: which word is an account, a file, a program. The shells' own part, which finds
the accounts, stands in ``accounts.bash``, ``accounts.zsh`` and ``accounts.fish``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docs.manual import commands
from offlineimap_m365 import recipes
from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments

if TYPE_CHECKING:
    import argparse

HERE = Path(__file__).parent
#: The files, as each shell looks for them.
FILES = {
    "bash": f"{errors.COMMAND}.bash",
    "zsh": f"_{errors.COMMAND}",
    "fish": f"{errors.COMMAND}.fish",
}
#: Words that are not the only ones possible, so that the parser has no choices.
_WORDS = {"STORE": ("file", "keyring", "gpg:", "auto"), "scope": ("imap", "smtp", "pop")}


def completions() -> dict[str, str]:
    """Return the completion of each shell by the name of its file. Raises ImportError where shtab is missing or old."""
    return {name: _complete(shell) for shell, name in FILES.items()}


def _complete(shell: str) -> str:
    import shtab  # noqa: PLC0415 - an sdist has what it makes

    if shell not in shtab.SUPPORTED_SHELLS:
        raise ImportError(f"this shtab knows nothing of {shell}")
    parser = arguments.parser()
    for command in commands.of(parser):
        if command.name == "config":
            _name_words(command.parser)
        for action in (*command.options(), *command.operands()):
            _teach(action, command.name, shell)
    preamble = (HERE / f"accounts.{shell}").read_text(encoding="utf-8")
    text: str = shtab.complete(parser, shell=shell, preamble=preamble.replace("@PROGRAMS@", " ".join(recipes.PROGRAMS)))
    if shell == "bash":
        text += "\n" + (HERE / "words.bash").read_text(encoding="utf-8")
    return (_more_words(text) if shell == "zsh" else text).rstrip("\n") + "\n"


def _more_words(text: str) -> str:
    """Let each of many words be completed in zsh, and ``--option=value`` too: shtab 1.13 has neither in its specs."""
    return re.sub(r'(?m)^(  "\*?--[a-z-]+)(?=\[.*\]:)', r"\1=", text).replace('"(*)::', '"*:')


def _name_words(parser: argparse.ArgumentParser) -> None:
    """Tell the first word from the second: each completes other things."""
    words = next(action for action in parser._actions if action.dest == "words")  # noqa: SLF001
    parser._remove_action(words)  # noqa: SLF001
    parser.add_argument("account", nargs="?", metavar="ACCOUNT", help="the account, or the program")
    parser.add_argument("program", nargs="?", choices=list(recipes.PROGRAMS), metavar="PROGRAM", help="the program")


def _teach(action: argparse.Action, command: str, shell: str) -> None:
    """Say what *action* of *command* completes in a *shell*, if the parser does not."""
    words = _WORDS.get(str(action.metavar)) or _WORDS.get(action.dest)
    if words:
        action.choices = [word.replace(":", r"\:") for word in words] if shell == "zsh" else words
    elif action.metavar in {"FILE", "F"}:
        _complete_with(
            action, bash="_shtab_compgen_files", zsh="_files", fish="(__fish_complete_path (commandline -ct))"
        )
    elif action.metavar == "ACCOUNT" or action.dest == "words":
        name = "_offlineimap_m365_accounts" + ("_and_programs" if command == "config" else "")
        _complete_with(action, bash=name, zsh=name, fish=f"({name})")


def _complete_with(action: argparse.Action, **by_shell: str) -> None:
    action.complete = by_shell  # type: ignore[attr-defined]
