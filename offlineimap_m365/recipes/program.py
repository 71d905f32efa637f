"""
A program with a recipe: its row in the table ``programs``, and its templates.

A template is ``NAME.txt`` beside this module. For a program that can have several mailboxes it is the head of the file,
and ``NAME-mailbox.txt`` follows once for each. Both are filled in with values that were quoted for the program.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Values = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Program:
    """
    A program by its *name*, its *purpose*, and the *file* in which its configuration belongs.

    *is_private*: the file must not be readable by others. *has_many*: one file can have several mailboxes. *quote*
    returns the values of one mailbox as they are written in the file, *head* those of its head from all mailboxes.
    """

    name: str
    purpose: str
    file: str
    is_private: bool = True
    has_many: bool = False
    quote: Callable[[Values], dict[str, str]] = dict
    head: Callable[[Sequence[Values]], dict[str, str]] = lambda quoted: dict(quoted[0])

    def fill(self, mailboxes: Sequence[Values], *, is_addition: bool = False) -> str:
        """Return the configuration for *mailboxes*: their values, not yet quoted. Raises WrongUsage, Misconfigured."""
        quoted = [self.quote(values) for values in mailboxes]
        parts = [fill(f"{self.name}-addition" if is_addition else self.name, self.head(quoted))]
        if self.has_many:
            parts += [fill(f"{self.name}-mailbox", values) for values in quoted]
        return "\n".join(parts)


def fill(template: str, values: Values) -> str:
    """Return the *template* with its names replaced by *values*."""
    text = (Path(__file__).parent / f"{template}.txt").read_text(encoding="utf-8")
    return string.Template(text).substitute(values)
