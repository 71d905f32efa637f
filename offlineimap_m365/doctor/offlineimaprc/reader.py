"""
Reads an offlineimaprc as Python's ConfigParser does (OfflineIMAP's CustomConfig.py), and mends what that cannot read.
"""

from __future__ import annotations

import difflib
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.doctor.offlineimaprc.document import (
    DEFAULT,
    HEADER,
    OPTION,
    Document,
    Part,
    Section,
    is_comment,
    spaces,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: What is told of a line that is mended: its number, what it is, the fact and the reason.
    Tell = Callable[[int, str, str, str], None]

_ENDS = "OfflineIMAP ends with an error"
#: A header with brackets too few or too many.
_BROKEN_HEADER = re.compile(r"\[+\s*([^\[\]=]+?)\s*\]*|((?:Account|Repository) [^=\]]+|general)\]")


def read(text: str, tell: Tell) -> Document:
    """Return *text* as a document that ConfigParser can read but for options that are set twice."""
    reader = _Reader(text, tell)
    if text.startswith("\ufeff"):
        tell(1, "line 1", "begins with a byte order mark (BOM)", "OfflineIMAP cannot read it")
    for number, line in enumerate(text.removeprefix("\ufeff").removesuffix("\n").split("\n"), 1):
        reader.take(number, line)
    if "general" not in reader.sections:
        reader.open(1, "general", "is missing", _ENDS)
    return Document(text, list(reader.sections.values()), reader.end)


@functools.cache
def known_options() -> frozenset[str]:
    """Return the names of OfflineIMAP's options."""
    lines = Path(__file__).with_name("options.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def similar(name: str, names: Iterable[str], cutoff: float = 0.75) -> str:
    """Return the one of *names* that *name* may misspell, empty if there is none."""
    return next(iter(difflib.get_close_matches(name, list(names), 1, cutoff)), "")


def respelled(header: str) -> str:
    """Return the name of a section as OfflineIMAP looks for it, if *header* is like one."""
    words = header.split(maxsplit=1)
    if len(words) < 2:  # noqa: PLR2004 - a kind and a name
        return header if header == DEFAULT else similar(header.lower(), ["general"], 0.8) or header
    kind = similar(words[0].capitalize(), ["Account", "Repository"])
    return f"{kind} {words[1].strip()}" if kind else header


class _Reader:
    """Takes line by line; *option* is the one that a line with more white space continues, behind *gap* of others."""

    def __init__(self, text: str, tell: Tell) -> None:
        self.end = "\r" if text.partition("\n")[0].endswith("\r") else ""
        self.sections = {"": Section("", 0, [])}
        self._tell = tell
        self._section = self.sections[""]
        self._is_merging = False
        self._option: Part | None = None
        self._gap: list[Part] = []
        self._indent = 0

    def take(self, number: int, line: str) -> None:
        """Take the next line."""
        text = line.strip()
        if not text or is_comment(text):
            self._pass_over(number, line)
        elif self._option is None or len(spaces(line)) <= self._indent:
            self._indent = len(spaces(line))
            self._begin(number, line)
        elif self._is_misplaced(self._option, text):
            reason = f"OfflineIMAP reads this line as a part of {self._option.name}"
            self._tell(number, re.split(r"\s*[=:]", text)[0], "begins with white space", reason)
            self._begin(number, spaces(self._option.lines[0]) + line.lstrip())
        else:
            self._option.lines += [*(part.lines[0] for part in self._gap), line]
            del self._section.parts[len(self._section.parts) - len(self._gap) :]
            self._gap = []

    def _pass_over(self, number: int, line: str) -> None:
        self._gap.append(Part(number, [line]))
        self._section.parts.append(self._gap[-1])

    @staticmethod
    def _is_misplaced(option: Part, text: str) -> bool:
        """Was *text*, which white space made a part of *option*, meant as an option or header of its own?"""
        above = "\n".join(line for line in option.lines if not is_comment(line))
        if sum(map(above.count, "([{")) > sum(map(above.count, ")]}")):
            return False  # Python of several lines
        name = re.match(r"(\w+)\s*[=:](?!=)", text)
        is_header = re.fullmatch(r"\[(general|mbnames|(Account|Repository) [^\]]+)\]", text)
        return bool(is_header or (name and name[1].lower() in known_options()))

    def _begin(self, number: int, line: str) -> None:
        """Take a line that continues nothing."""
        text = line.strip()
        header, option, broken = HEADER.match(text), OPTION.match(text), _BROKEN_HEADER.fullmatch(text)
        words = text.split(maxsplit=1)
        if header:
            right = respelled(header["name"])
            fact = "" if right == header["name"] else f"[{header['name']}] is not a section that OfflineIMAP looks for"
            self.open(number, right, fact, "it is misspelt", line)
        elif option and option["name"]:
            self._add(number, line, option["name"].lower())
        elif broken:
            self.open(number, respelled(broken[1] or broken[2]), "is not a complete [section]", _ENDS)
        else:
            self._tell(number, f"line {number}", "is neither a section, nor option = value, nor a comment", _ENDS)
            if len(words) == 2 and words[0].lower() in known_options():  # noqa: PLR2004 - a name and a value
                self._add(number, f"{spaces(line)}{' = '.join(words)}{self.end}", words[0].lower())
            else:
                self._pass_over(number, f"# {text}{self.end}")

    def _add(self, number: int, line: str, name: str) -> None:
        if not self._section.name:
            self.open(number, "general", "is missing above the first option", _ENDS)
        self._option, self._gap = Part(number, [line.lstrip() if self._is_merging else line], name), []
        self._section.parts.append(self._option)

    def open(self, number: int, name: str, fact: str, reason: str, line: str = "") -> None:
        """Begin the section *name*, or go on with it; *fact* and *reason* say why its header is not *line*."""
        first = self.sections.get(name)
        if first is not None:
            fact = f"is there twice (first at line {first.line}); the diff moves its options to the first"
            reason = _ENDS
        if fact:
            self._tell(number, f"[{name}]", fact, reason)
        self._option, self._gap, self._is_merging = None, [], first is not None
        header = f"[{name}]{self.end}" if fact else line
        self._section = self.sections.setdefault(name, Section(name, number, [Part(number, [header])]))
