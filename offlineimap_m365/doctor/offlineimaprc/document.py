"""
An offlineimaprc as sections and options that remember their lines, and that can be changed without touching others.

It reads what Python's ConfigParser reads in its default form, which OfflineIMAP uses (CustomConfig.py of 8.0.3), but
goes on where ConfigParser gives up: a line that it cannot read is kept as it is, for a rule to judge.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = re.compile(r"\[(?P<name>.+)\]")
OPTION = re.compile(r"(?P<name>[^=:]*?)\s*[=:]\s*(?P<value>.*)$", re.DOTALL)
_REFERENCE = re.compile(r"%%|%\((?P<name>[^()]+)\)s|%")
#: Characters of a value after interpolation. A token command has 200; seven nested references can reach gigabytes.
_LONGEST = 1 << 14
#: ConfigParser's own limit of nested references (configparser.MAX_INTERPOLATION_DEPTH).
_DEEPEST = 10
DEFAULT = "DEFAULT"


class BadValue(Exception):
    """A value that OfflineIMAP cannot read: its references cannot be resolved."""


@dataclasses.dataclass(eq=False)
class Part:
    """
    An option with all its lines, or one line that is none: a comment, an empty line, or one that cannot be read.

    *line* is the number of its first line in the file, from 1; of an option that was added, the line above it. *name*
    is that of the option in small letters, empty for other lines.
    """

    line: int
    lines: list[str]
    name: str = ""
    is_unreadable: bool = False

    @property
    def raw(self) -> str:
        """The value as it stands in the file, without the comments between its lines."""
        first = OPTION.match(self.lines[0].strip())
        rest = [line.strip() for line in self.lines[1:] if not is_comment(line)]
        return "\n".join([first["value"].strip() if first else "", *rest]).rstrip()


@dataclasses.dataclass(eq=False)
class Section:
    """A section: its *header* as it stands in the file, and its *parts* in order."""

    name: str
    line: int
    header: str
    parts: list[Part] = dataclasses.field(default_factory=list)

    @property
    def options(self) -> list[Part]:
        """The options that stand in this section, in order."""
        return [part for part in self.parts if part.name]

    def option(self, name: str) -> Part | None:
        """Return the option *name*, None if it does not stand in this section."""
        return next((part for part in self.parts if part.name == name), None)

    def write(self, name: str, value: str, end: str = "") -> None:
        """Set the option *name* to *value* where it stands, else below the section's last option."""
        part = self.option(name)
        indent = spaces(part.lines[0]) if part else spaces(self.options[-1].lines[0]) if self.options else ""
        if part is None:
            part = Part(self.line, [], name)
            last = max((index for index, other in enumerate(self.parts) if other.name), default=-1)
            self.parts.insert(last + 1, part)
        part.lines = f"{indent}{name} = {value}{end}".replace("\n", f"\n{indent} ").split("\n")

    def rename(self, part: Part, name: str) -> None:
        """Call an option *name* and leave its value as it is."""
        part.lines[0] = part.lines[0].replace(part.lines[0].strip()[: len(part.name)], name, 1)
        part.name = name


class Document:
    """The whole file: *sections* in order; the first, without a name, is what comes before any header."""

    def __init__(self, text: str) -> None:
        """Parse *text*, which is kept to compare with."""
        self.original = text
        self.has_mark = text.startswith("\ufeff")
        self._last_end = "\n" if text.endswith("\n") else ""
        lines = text.removeprefix("\ufeff").removesuffix("\n").split("\n")
        self.line_end = "\r" if lines[0].endswith("\r") else ""
        self.sections = [Section("", 0, "")]
        self._parse(lines)
        self.default = self.section(DEFAULT)

    def _parse(self, lines: list[str]) -> None:
        """Take the lines apart as RawConfigParser._read does."""
        option: Part | None = None
        indent = 0
        for number, line in enumerate(lines, 1):
            section = self.sections[-1]
            text = line.strip()
            if not text or is_comment(line):
                section.parts.append(Part(number, [line]))
            elif option is not None and len(spaces(line)) > indent:
                between = section.parts[section.parts.index(option) + 1 :]
                del section.parts[section.parts.index(option) + 1 :]
                option.lines += [*(part.lines[0] for part in between), line]
            else:
                indent = len(spaces(line))
                option = self._begin(number, line)

    def _begin(self, number: int, line: str) -> Part | None:
        """Add what begins with a line that continues nothing; return it if it is an option."""
        header, option = HEADER.match(line.strip()), OPTION.match(line.strip())
        if header:
            self.sections.append(Section(header["name"], number, line))
            return None
        is_option = len(self.sections) > 1 and option is not None and bool(option["name"])
        name = option["name"].lower() if option and is_option else ""
        part = Part(number, [line], name, is_unreadable=not is_option)
        self.sections[-1].parts.append(part)
        return part if is_option else None

    def section(self, name: str) -> Section | None:
        """Return the first section called *name*."""
        return next((section for section in self.sections if section.name == name), None)

    def named(self, kind: str) -> list[str]:
        """Return the names behind *kind* (``Account``, ``Repository``) in the headers, in order."""
        start = f"{kind} "
        return [section.name[len(start) :] for section in self.sections if section.name.startswith(start)]

    def find(self, section: Section, name: str) -> Part | None:
        """Return the option *name* that counts in *section*: its own, else that of DEFAULT."""
        return section.option(name) or (self.default.option(name) if self.default else None)

    def get(self, section: Section, name: str) -> str | None:
        """Return a value as OfflineIMAP gets it; None if it is not set or cannot be resolved."""
        part = self.find(section, name)
        try:
            return None if part is None else self.resolve(section, part.raw)
        except BadValue:
            return None

    def resolve(self, section: Section, raw: str, depth: int = 1) -> str:
        """Return *raw* with its references replaced (BasicInterpolation). Raises BadValue."""
        if depth > _DEEPEST:
            raise BadValue("its references are nested too deeply")
        resolved, length, end = [], 0, 0
        for match in [*_REFERENCE.finditer(raw), None]:
            piece = raw[end : match.start() if match else len(raw)]
            if match:
                piece += "%" if match[0] == "%%" else self._referred(section, match["name"], depth)
                end = match.end()
            length += len(piece)
            if length > _LONGEST:
                raise BadValue("its references make it longer than 16 KiB")
            resolved.append(piece)
        return "".join(resolved)

    def _referred(self, section: Section, name: str | None, depth: int) -> str:
        if name is None:
            raise BadValue("a per cent sign (%) must be written twice (%%)")
        part = self.find(section, name.lower())
        if part is None:
            raise BadValue(f"it refers to %({name})s, which is not set")
        return self.resolve(section, part.raw, depth + 1)

    def text(self) -> str:
        """Return the file as it is now."""
        return "\n".join(self._lines()) + self._last_end

    def _lines(self) -> Iterator[str]:
        for section in self.sections:
            if section.header:
                yield section.header
            for part in section.parts:
                yield from part.lines


def spaces(line: str) -> str:
    """Return the white space that *line* begins with: an option with more than the one above would continue it."""
    return line[: len(line) - len(line.lstrip())]


def is_comment(line: str) -> bool:
    """Is the whole *line* a comment?"""
    return line.lstrip().startswith(("#", ";"))


def unified_diff(path: str, old: str, new: str) -> str:
    """Return the difference as ``patch`` takes it, empty if there is none."""
    name = path + "\t" if " " in path else path
    before, after = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (old, new))  # str.splitlines splits at more
    lines = difflib.unified_diff(before, after, name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
