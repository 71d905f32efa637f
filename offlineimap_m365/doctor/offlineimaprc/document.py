"""
An offlineimaprc as sections and options that remember their lines: what is not edited stays byte for byte.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re

HEADER = re.compile(r"\[(?P<name>.+)\]")
OPTION = re.compile(r"(?P<name>[^=:]*?)\s*[=:]\s*(?P<value>.*)$")
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
    An option with all its lines, or one line that is none: a header, a comment or an empty line.

    *line* is the number of its first line in the file, from 1; of an option that was added, the line of its section's
    header. *name* is that of the option in small letters, empty for other lines.
    """

    line: int
    lines: list[str]
    name: str = ""

    @property
    def raw(self) -> str:
        """The value as it stands in the file, without the comments between its lines."""
        first = OPTION.match(self.lines[0].strip())
        rest = [line.strip() for line in self.lines[1:] if not is_comment(line)]
        return "\n".join([first["value"].strip() if first else "", *rest]).rstrip()


@dataclasses.dataclass(eq=False)
class Section:
    """A section: its *parts* in order, the first of which is its header."""

    name: str
    line: int
    parts: list[Part]

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
        above = part or next(reversed(self.options), self.parts[0])
        if part is None:
            part = Part(self.line, [], name)
            self.parts.insert(self.parts.index(above) + 1, part)
        indent = spaces(above.lines[0])
        part.lines = f"{indent}{name} = {value}{end}".replace("\n", f"\n{indent} ").split("\n")

    def rename(self, part: Part, name: str) -> None:
        """Call an option *name* and leave its value as it is."""
        part.lines[0] = part.lines[0].replace(part.lines[0].strip()[: len(part.name)], name, 1)
        part.name = name


@dataclasses.dataclass
class Document:
    """The whole file: *sections* in order, the first without a name for what comes before any header."""

    original: str
    sections: list[Section]
    line_end: str

    @functools.cached_property
    def _default(self) -> Section | None:
        return self.section(DEFAULT)

    def section(self, name: str) -> Section | None:
        """Return the section called *name*."""
        return next((section for section in self.sections if section.name == name), None)

    def named(self, kind: str) -> dict[str, Section]:
        """Return the sections of a *kind* (``Account``, ``Repository``) by the names behind it, in order."""
        names = [section.name.partition(" ") for section in self.sections]
        pairs = zip(names, self.sections, strict=True)
        return {name: section for (first, _, name), section in pairs if first == kind}

    def find(self, section: Section, name: str) -> Part | None:
        """Return the option *name* that counts in *section*: its own, else that of DEFAULT."""
        return section.option(name) or (self._default.option(name) if self._default else None)

    def get(self, section: Section, name: str) -> str | None:
        """Return a value as OfflineIMAP gets it; None if it is not set or cannot be resolved."""
        part = self.find(section, name)
        return None if part is None or self.fault(section, part.raw) else self.resolve(section, part.raw)

    def fault(self, section: Section, raw: str) -> str:
        """Return why *raw* cannot be resolved, empty if it can."""
        try:
            self.resolve(section, raw)
        except BadValue as error:
            return str(error)
        return ""

    def resolve(self, section: Section, raw: str, depth: int = 1) -> str:
        """Return *raw* with its references replaced (BasicInterpolation). Raises BadValue."""

        def referred(match: re.Match[str]) -> str:
            if match[0] == "%%":
                return "%"
            if match[0] == "%":
                raise BadValue("a per cent sign (%) must be written twice (%%)")
            part = self.find(section, match["name"].lower())
            if part is None:
                raise BadValue(f"it refers to {match[0]}, which is not set")
            return self.resolve(section, part.raw, depth + 1)

        value = _REFERENCE.sub(referred, raw) if depth <= _DEEPEST else ""
        if depth > _DEEPEST or len(value) > _LONGEST:
            raise BadValue("its references are nested too deeply, or make it longer than 16 KiB")
        return value

    def text(self) -> str:
        """Return the file as it is now."""
        lines = [line for section in self.sections for part in section.parts for line in part.lines]
        return "\n".join(lines) + "\n" * self.original.endswith("\n")


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
