"""
The findings in an offlineimaprc, and the edits that mend them on the document.

One call makes an edit and its finding, so that no finding promises an edit that changes nothing.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.offlineimaprc import reader
from offlineimap_m365.doctor.offlineimaprc.document import DEFAULT
from offlineimap_m365.plugin import log_redaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from offlineimap_m365.doctor.offlineimaprc.document import Part, Section

#: Options whose value is a secret, or prints one.
_SECRET_OPTION = r"(?:remotepass(?:eval)?|oauth2_(?:access_token|refresh_token|client_secret(?:_eval)?))"  # noqa: S105 - names
_SECRET_LINE = re.compile(rf"^([-+ ]?[\s#;]*{_SECRET_OPTION}\s*[=:]\s*)\S.*", re.IGNORECASE)
_HIDDEN = "<hidden>"
#: A word that may be a token or a client secret: it is long, and has letters of both cases and digits.
_SECRET_WORD = re.compile(r"(?<![W])(?=[W]*[a-z])(?=[W]*[A-Z])(?=[W]*\d)[W]{24,}".replace("W", r"\w.~!*-"), re.ASCII)
_LONGEST_SHOWN = 80


@dataclasses.dataclass(frozen=True)
class Fix:
    """What mends an option: its *value* as it is written in the file, None if the option goes; *fact* and *reason*."""

    value: str | None
    fact: str = ""
    reason: str = ""


class Review:
    """
    The file at *path* under review, and its *document* with the section *general*.

    *mended* are the findings that edits mended, *others* those that need a person, and notes (ok is None).
    *other_files* are edited, too: their text before and after.
    """

    def __init__(self, path: Path, text: str) -> None:
        """Begin with what is mended to read the file."""
        self.path = path
        self.mended: list[Check] = []
        self.others: list[Check] = []
        self.other_files: dict[Path, tuple[str, str]] = {}
        self.document = reader.read(text, self.edited)
        self.general = next(section for section in self.document.sections if section.name == "general")

    def edited(self, line: int, option: str, fact: str, reason: str, path: Path | None = None) -> None:
        """Add a finding that the caller has just mended."""
        check = self._check(line, option, f"{fact}; {reason}")
        self.mended.append(dataclasses.replace(check, file=str(path or self.path)))

    def report(self, section: Section, option: str, fact: str, remedy: Remedy | None = None) -> None:
        """Add what needs a person; without a *remedy*, what is no failure, but worth knowing."""
        check = self._check((self.document.find(section, option) or section).line, option, fact)
        ok = None if remedy is None else False
        self.others.append(dataclasses.replace(check, ok=ok, remedy=remedy or Remedy()))

    def _check(self, line: int, option: str, text: str) -> Check:
        name = f"config-{option.replace('_', '-')}" if option in reader.known_options() else "config-line"
        meaning = errors.printable(f"{show(option)}: {text}")
        return Check(name, ok=False, meaning=meaning, file=str(self.path), line=line)

    def set(self, section: Section, option: str, value: str, reason: str, fact: str = "") -> None:
        """Set *option* to *value* as it shall be written in the file; nothing if it already is."""
        part = section.option(option)
        if part is None or part.raw != value:
            fact = fact or describe(option, self.document.find(section, option))
            line = part.line if part else section.line
            section.write(option, value, self.document.line_end)
            self.edited(line, option, fact, reason)

    def remove(self, section: Section, option: str, reason: str) -> None:
        """Remove *option*, unless another option refers to it or it is set for all sections."""
        part = section.option(option)
        users = [other.name for one in self.document.sections for other in one.options if f"%({option})s" in other.raw]
        if part is None or users:
            why = f"{users[0]} refers to it" if users else f"it is set in [{DEFAULT}] for all sections"
            self.report(section, option, f"{why}, so it is left as it is")
        else:
            section.parts.remove(part)
            self.edited(part.line, option, describe(option, part), reason)


def describe(option: str, part: Part | None) -> str:
    """Return what the file says of *option*, without a secret."""
    if part is None:
        return "is missing"
    return "is set" if re.fullmatch(_SECRET_OPTION, option) else f"is {show(part.raw)}" if part.raw else "is empty"


def show(value: str) -> str:
    """Return *value* for a sentence: one short line without a secret."""
    text = hide_secrets(errors.printable(value))
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first of *names* for a sentence."""
    rest = len(names) - most
    return ", ".join(map(show, names[:most])) + (f" and {rest} more" if rest > 0 else "")


def hide_secrets(text: str) -> str:
    """Return the lines of *text* without passwords, tokens and client secrets."""
    lines = [log_redaction.clean(_SECRET_LINE.sub(rf"\1{_HIDDEN}", line)) for line in text.split("\n")]
    return _SECRET_WORD.sub(_HIDDEN, "\n".join(lines))


def as_value(text: str) -> str:
    """Return *text* as it is written in the file: a per cent sign twice."""
    return text.replace("%", "%%")
