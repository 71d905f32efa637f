"""The commands that a text names, as the parser of ours reads them."""

from __future__ import annotations

import functools
import re
import shlex
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments

if TYPE_CHECKING:
    import argparse

#: Where a command ends in a sentence: a bracket, a comma or semicolon, its stop, or a word that is none of its own.
_END = re.compile(r"[;,()\n]|\.(?:\s|$)|\s(?:or|at|then|to|and|where|with)\b")


def commands_in(text: str) -> list[list[str]]:
    """Return the words behind the name of our program of each command that *text* names."""
    tails = text.split(f"{errors.COMMAND} ")[1:]
    return [shlex.split(_END.split(tail, maxsplit=1)[0]) for tail in tails]


_parser = functools.cache(arguments.parser)  # to make it takes longer than all else here


def parse(words: list[str]) -> argparse.Namespace:
    """Return what the real parser makes of a command; it raises SystemExit or WrongUsage for one it does not take."""
    return _parser().parse_args(words)
