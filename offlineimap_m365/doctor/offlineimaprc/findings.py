"""
The findings in an offlineimaprc, and the edits that mend them on the document.

One call makes an edit and its finding, so that no finding promises an edit that changes nothing.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.offlineimaprc.document import DEFAULT, Part
from offlineimap_m365.plugin import log_redaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.offlineimaprc.document import Document, Section

#: Options whose value is a secret, or prints one.
SECRETS = (
    "remotepass",
    "remotepasseval",
    "oauth2_access_token",
    "oauth2_refresh_token",
    "oauth2_client_secret",
    "oauth2_client_secret_eval",
)
_HIDDEN = "<hidden>"
_SECRET_LINE = re.compile(rf"^([-+ ]?[\s#;]*(?:{'|'.join(SECRETS)})\s*[=:]\s*)\S.*", re.IGNORECASE)
#: A word that may be a token or a client secret, if it has letters of both cases and digits.
_LONG_WORD = re.compile(r"[A-Za-z0-9._~!*-]{24,}")
_LONGEST_SHOWN = 80


class Review:
    """
    The *document* at *path* under review.

    *mended* are the findings that edits mended, *others* those that need a person, and notes (ok is None).
    *other_files* are edited, too: their text before and after.
    """

    def __init__(self, path: Path, document: Document) -> None:
        """Begin without findings."""
        self.path = path
        self.document = document
        self.mended: list[Check] = []
        self.others: list[Check] = []
        self.other_files: dict[Path, tuple[str, str]] = {}

    def texts(self) -> list[str]:
        """Return the files as they are now."""
        return [self.document.text(), *(new for _, new in self.other_files.values())]

    def edited(self, line: int, option: str, fact: str, reason: str, path: Path | None = None) -> None:
        """Add a finding that the caller has just mended."""
        self.mended.append(self._check(line, option, f"{fact}; {reason}", path=path))

    def report(self, line: int, option: str, fact: str, remedy: Remedy) -> None:
        """Add a finding that needs a person."""
        self.others.append(self._check(line, option, fact, remedy=remedy))

    def note(self, line: int, option: str, fact: str) -> None:
        """Add what is no failure, but worth knowing."""
        self.others.append(self._check(line, option, fact, ok=None))

    def _check(  # noqa: PLR0913 - the parts of a finding
        self,
        line: int,
        option: str,
        text: str,
        *,
        ok: bool | None = False,
        remedy: Remedy | None = None,
        path: Path | None = None,
    ) -> Check:
        name = f"config-{option.replace('_', '-')}" if option in known_options() else "config-line"
        meaning = errors.printable(f"{option}: {text}")
        return Check(name, ok, meaning, remedy or Remedy(), file=str(path or self.path), line=line)

    def set(self, section: Section, option: str, value: str, reason: str, fact: str = "") -> None:
        """Set *option* to *value* as it shall be written in the file; nothing if it already is."""
        part = section.option(option)
        if part is None or part.raw != value:
            fact = fact or describe(option, self.document.find(section, option))
            section.write(option, value, self.document.line_end)
            self.edited(part.line if part else section.line, option, fact, reason)

    def remove(self, section: Section, option: str, reason: str) -> None:
        """Remove *option*, unless another option refers to it or it is set for all sections."""
        part = section.option(option)
        users = [other.name for one in self.document.sections for other in one.options if f"%({option})s" in other.raw]
        if part is None or users:
            why = f"{users[0]} refers to it" if users else f"it is set in [{DEFAULT}] for all sections"
            self.note(part.line if part else section.line, option, f"{why}, so it is left as it is")
        else:
            section.parts.remove(part)
            self.edited(part.line, option, describe(option, part), reason)


def describe(option: str, part: Part | None) -> str:
    """Return what the file says of *option*, without a secret."""
    if part is None:
        return "is missing"
    return "is set" if option in SECRETS else f"is {show(part.raw)}" if part.raw else "is empty"


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
    return "\n".join(map(_hide_in_line, text.split("\n")))


def _hide_in_line(line: str) -> str:
    line = log_redaction.clean(_SECRET_LINE.sub(rf"\1{_HIDDEN}", line))
    return _LONG_WORD.sub(lambda word: _HIDDEN if _looks_secret(word[0]) else word[0], line)


def _looks_secret(word: str) -> bool:
    return bool(re.search(r"\d", word)) and word.lower() != word != word.upper()


@functools.cache
def known_options() -> frozenset[str]:
    """Return the names of OfflineIMAP's options."""
    lines = Path(__file__).with_name("options.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def as_value(text: str) -> str:
    """Return *text* as it is written in the file: a per cent sign twice."""
    return text.replace("%", "%%")
