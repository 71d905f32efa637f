"""
An offlineimaprc as OfflineIMAP's own parser reads it, with the place of every line; nothing in it is executed.

OfflineIMAP reads its file with Python's ConfigParser in its default dress (its CustomConfig.py): interpolation with
``%(name)s``, option names without case, continuation lines, ``[DEFAULT]`` behind every section.
"""

from __future__ import annotations

import configparser
import dataclasses
import functools
import os
import re
import stat
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Bytes: what `config` prints for 500 mailboxes has a megabyte; a file that is much larger is something else.
_LARGEST = 16 << 20
#: What ``getboolean`` takes for yes and no (configparser's documentation).
BOOLEANS = configparser.RawConfigParser.BOOLEAN_STATES
#: A reference of ConfigParser's basic interpolation, a per cent sign that is doubled, and one that is not.
_PER_CENT = re.compile(r"%\(([^()]*)\)s|%%|%")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an option or a section's header stands: its first line and its last, from 1."""

    line: int
    last: int


class Unreadable(Exception):
    """The file has no text that could be parsed: *why*, and its *number* of the line where that can be said."""

    def __init__(self, kind: str, why: str, line: int | None = None) -> None:
        """Say what *kind* of fault it is (``file``, ``encoding``, ``syntax``), *why* in words, and where."""
        super().__init__(why)
        self.kind = kind
        self.why = why
        self.line = line


@dataclasses.dataclass(frozen=True)
class Rc:
    """The file at *path*: its *lines*, and what a parser makes of them."""

    path: Path
    lines: tuple[str, ...]
    parser: configparser.ConfigParser
    headers: dict[str, int]
    places: dict[tuple[str, str], Place]

    def sections(self) -> list[str]:
        """Return the names of all sections but DEFAULT, in order."""
        return self.parser.sections()

    def has_section(self, section: str) -> bool:
        """Is there such a section?"""
        return self.parser.has_section(section)

    def has(self, section: str, option: str) -> bool:
        """Is *option* set in *section*, or for all sections?"""
        return self.parser.has_option(section, option)

    def get(self, section: str, option: str) -> str | None:
        """Return the value as OfflineIMAP gets it, None where there is none or where it cannot be put together."""
        if not self.parser.has_section(section) or not self.parser.has_option(section, option):
            return None
        try:
            return self.parser.get(section, option)
        except configparser.InterpolationError:
            return None

    def flag(self, section: str, option: str, otherwise: bool) -> bool:
        """Return a yes or no; *otherwise* where it is not set, or neither."""
        found = self.get(section, option)
        return otherwise if found is None else BOOLEANS.get(found.lower(), otherwise)

    def raw(self, section: str, option: str) -> str:
        """Return the value as it stands in the file."""
        return self.parser.get(section, option, raw=True)

    def raw_or_nothing(self, section: str, option: str) -> str:
        """Return the value as it stands in the file, an empty text where there is none."""
        return self.raw(section, option) if self.has(section, option) else ""

    @functools.cached_property
    def _stand_in(self) -> dict[str, list[str]]:
        """The options of each section: a file may have a thousand sections, each of them is asked for often."""
        found: dict[str, list[str]] = {}
        for section, option in self.places:
            found.setdefault(section, []).append(option)
        return found

    def options(self, section: str) -> list[str]:
        """Return the options that stand in *section* itself."""
        return self._stand_in.get(section, [])

    def place(self, section: str, option: str | None = None) -> Place:
        """Return where *option* stands, in *section* or in DEFAULT; without *option* the section's header."""
        if option is None:
            line = self.headers[section]
            return Place(line, line)
        option = option.lower()
        return self.places.get((section, option)) or self.places[self.parser.default_section, option]

    def end(self, section: str) -> int:
        """Return the last line that belongs to *section*: of its last option, or its header."""
        ends = [self.places[section, option].last for option in self.options(section)]
        return max([self.headers[section], *ends])


def read(path: Path) -> Rc:
    """Return the file at *path*; raises Unreadable."""
    return parse(path, _text(path))


def parse(path: Path, text: str) -> Rc:
    """Return the file at *path* that holds *text*; raises Unreadable."""
    lines = tuple(text.split("\n"))
    at = _Counter(lines)
    parser = configparser.ConfigParser(dict_type=cast("Any", at.table))
    try:
        parser.read_file(iter(at))
    except configparser.Error as error:
        raise _fault(error) from error
    default = parser.default_section
    return Rc(path, lines, parser, at.headers(default), at.places(default))


def doubled(value: str, known: set[str]) -> str:
    """Return *value* with every per cent sign doubled that neither is nor begins a reference to a *known* option."""
    return _PER_CENT.sub(
        lambda m: m[0] if m[0] == "%%" or (m[1] or "").lower() in known else m[0].replace("%", "%%"), value
    )


def contents(path: Path) -> bytes:
    """Return what an ordinary file at *path* holds, if that is not too much; raises Unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe would let us wait for ever
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable("file", "it is no ordinary file")
            found = file.read(_LARGEST + 1)
    except OSError as error:
        raise Unreadable("file", error.strerror or "it cannot be read") from error
    except ValueError as error:
        raise Unreadable("file", "its name cannot be one") from error
    if len(found) > _LARGEST:
        raise Unreadable("file", "it is larger than 16 MiB")
    return found


def _text(path: Path) -> str:
    found = contents(path)
    try:
        return found.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise Unreadable("encoding", _encoding(found), found.count(b"\n", 0, error.start) + 1) from error


def _encoding(found: bytes) -> str:
    """Return the encoding that *found*, which is not UTF-8, most likely has, as iconv calls it."""
    return "UTF-16" if found[:2] in (b"\xff\xfe", b"\xfe\xff") else "ISO-8859-1"


def _fault(error: configparser.Error) -> Unreadable:
    """Return what is wrong, in words: the parser's own show the line, which may hold a secret."""
    if isinstance(error, configparser.DuplicateOptionError):
        return Unreadable("syntax", f"{error.option} is set twice in this section", error.lineno)
    if isinstance(error, configparser.DuplicateSectionError):
        return Unreadable("syntax", "there is a section of this name already", error.lineno)
    if isinstance(error, configparser.MissingSectionHeaderError):
        return Unreadable("syntax", "this line stands before the first [section]", error.lineno)
    faults = getattr(error, "errors", None)  # not every ParsingError has them (Python 3.13)
    if faults:
        return Unreadable("syntax", "this line is neither [section], nor option = value, nor a comment", faults[0][0])
    return Unreadable("syntax", "its parser gives up on it")


class _Counter:
    """
    Hands the parser one line after the other, and notes at which one it makes a section or an option.

    ConfigParser tells no line numbers, but what it makes its tables of can be chosen (its *dict_type*).
    """

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines = lines
        self._tables: list[_Table] = []
        self.now = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.now += 1
            yield line + "\n"

    def table(self, *arguments: Any) -> _Table:
        """Make a table for the parser."""
        self._tables.append(_Table(self, *arguments))
        return self._tables[-1]

    def headers(self, default: str) -> dict[str, int]:
        """Return the line of each section's header; *default* is the one that the parser makes no table for."""
        found = {table.name: table.made_at for table in self._tables if table.name}
        at = next((number for number, line in enumerate(self._lines, 1) if line.strip() == f"[{default}]"), 1)
        return {default: at, **found}

    def places(self, default: str) -> dict[tuple[str, str], Place]:
        """Return where each section's options stand."""
        return {
            (table.name or default, option): Place(value.first, value.last)
            for table in self._tables
            for option, value in table.values_made.items()
        }


class _Table(dict[str, Any]):
    """A section, or the table of all sections, that remembers when things were put into it."""

    def __init__(self, counter: _Counter, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._counter = counter
        self.values_made: dict[str, _Value] = {}
        self.made_at = counter.now
        self.name = ""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list):
            value = self.values_made[key] = _Value(self._counter, value)
        elif isinstance(value, _Table):
            value.name = key
        super().__setitem__(key, value)


class _Value(list[str]):
    """The lines of a value; an empty one at its end does not belong to it."""

    def __init__(self, counter: _Counter, lines: list[str]) -> None:
        super().__init__(lines)
        self._counter = counter
        self.first = self.last = counter.now

    def append(self, line: str) -> None:
        if line:
            self.last = self._counter.now
        super().append(line)
