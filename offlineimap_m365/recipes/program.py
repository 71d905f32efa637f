"""
A program with a recipe: what it is for, where its snippet belongs, and how a value is written in its syntax.

A template is ``NAME.txt`` beside this room, for a program that can have several mailboxes the head of its file; then
``NAME-mailbox.txt`` comes once for each. Both are filled in with the values of ``values.py``, quoted for the program.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Values = Mapping[str, str]


def as_they_are(values: Values) -> dict[str, str]:
    """Return *values* for a program whose syntax needs no quoting."""
    return dict(values)


def in_quotes(text: str) -> str:
    """Return *text* in double quotes, with a backslash before each of those and each backslash."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def of_the_first(filled: Sequence[Values]) -> dict[str, str]:
    """Return what a file's head is filled in with where nothing in it is about all mailboxes."""
    return dict(filled[0])


@dataclasses.dataclass(frozen=True)
class Program:
    """
    A program by its *name*, *what* it is for, and the *file* that its snippet belongs into.

    *quote* returns the values of one mailbox as they are written in that file, and raises WrongUsage for one that the
    program cannot be told. *has_many*: one file can have several mailboxes; *head* then makes of their quoted values
    what stands above them. *is_for_applications*: it works with an account that is app-only. *is_private*: it minds
    who else can read its file. *version*: the command that prints its version.
    """

    name: str
    what: str
    file: str
    quote: Callable[[Values], dict[str, str]] = as_they_are
    head: Callable[[Sequence[Values]], dict[str, str]] = of_the_first
    has_many: bool = False
    is_for_applications: bool = True
    is_private: bool = True
    version: tuple[str, ...] = ()

    def fill(self, mailboxes: Sequence[Values]) -> str:
        """Return the snippet for *mailboxes*: their values, not yet quoted. Raises WrongUsage."""
        filled = [self.quote(values) for values in mailboxes]
        parts = [fill(self.name, self.head(filled))]
        if self.has_many:
            parts += [fill(f"{self.name}-mailbox", values) for values in filled]
        return "\n".join(parts)


def fill(template: str, values: Values) -> str:
    """Return the *template* with *values* in the place of its names."""
    text = (Path(__file__).parent / f"{template}.txt").read_text(encoding="utf-8")
    return string.Template(text).substitute(values)
