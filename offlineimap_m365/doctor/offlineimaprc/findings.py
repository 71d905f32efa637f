"""
What is wrong in an offlineimaprc: findings, and the edits that mend them on the document.

An edit and its finding are made by one call, so that no finding promises an edit that changes nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
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
#: A word as a token or a client secret is: long, letters of both cases and digits.
_SECRET_WORD = re.compile(r"[A-Za-z0-9._~!*-]{24,}")
_LONGEST_SHOWN = 80


@dataclasses.dataclass(frozen=True)
class Finding:
    """
    What is wrong with *option* at *line*: a *fact* and its *reason*.

    *is_mended*: the diff mends it. Otherwise *remedy* says what to do. *ok* is None for a note, which is no failure.
    *path* is the file.
    """

    name: str
    path: Path
    line: int | None
    option: str
    fact: str
    reason: str
    is_mended: bool = False
    remedy: Remedy = dataclasses.field(default_factory=Remedy)
    ok: bool | None = False
    account: str | None = None

    @property
    def text(self) -> str:
        """The finding as a sentence without its end stop."""
        return errors.printable(f"{self.option}: {self.fact}; {self.reason}" if self.reason else self.fact)


class Review:
    """The *document* at *path* under review: its *findings* so far."""

    def __init__(self, path: Path, document: Document) -> None:
        """Begin without findings."""
        self.path = path
        self.document = document
        self.findings: list[Finding] = []
        self.other_files: dict[Path, tuple[str, str]] = {}

    def texts(self) -> list[str]:
        """Return the files as they are now."""
        return [self.document.text(), *(new for _, new in self.other_files.values())]

    def begin_pass(self) -> None:
        """Forget what is found again in each pass over the rules: all that no edit mended."""
        self.findings = [finding for finding in self.findings if finding.is_mended]

    def mended(self, name: str, line: int | None, option: str, fact: str, reason: str) -> None:
        """Note what the caller has just mended."""
        self.findings.append(Finding(name, self.path, line, option, fact, reason, is_mended=True))

    def report(  # noqa: PLR0913, PLR0917 - the parts of a finding
        self,
        name: str,
        line: int | None,
        option: str,
        fact: str,
        reason: str,
        remedy: Remedy,
        account: str | None = None,
    ) -> None:
        """Note what is wrong and no edit can mend."""
        self.findings.append(Finding(name, self.path, line, option, fact, reason, remedy=remedy, account=account))

    def note(self, name: str, line: int | None, option: str, fact: str, reason: str) -> None:
        """Note what is no failure but worth knowing."""
        self.findings.append(Finding(name, self.path, line, option, fact, reason, ok=None))

    def set(self, name: str, section: Section, option: str, value: str, reason: str, fact: str = "") -> None:  # noqa: PLR0913, PLR0917 - the parts of an edit
        """Set *option* to *value* as it shall stand in the file; nothing if it already does."""
        part = section.option(option)
        if part is not None and part.raw == value:
            return
        fact = fact or describe(option, self.document.find(section, option))
        line = part.line if part else section.line
        section.write(option, value, self.document.line_end)
        self.mended(name, line, option, fact, reason)

    def remove(self, name: str, section: Section, option: str, reason: str) -> None:
        """Remove *option*, unless another option refers to it or it is set for all sections."""
        part = section.option(option)
        users = [other.name for one in self.document.sections for other in one.options if f"%({option})s" in other.raw]
        if users or part is None:
            why = f"{users[0]} refers to it" if users else f"it is set in [{DEFAULT}] for all sections"
            self.note(name, part.line if part else section.line, option, why, "it is left as it is")
            return
        section.parts.remove(part)
        self.mended(name, part.line, option, describe(option, part), reason)


def describe(option: str, part: Part | None) -> str:
    """Return what the file says of *option*, without a secret."""
    if part is None:
        return "is missing"
    return "is set" if option in SECRETS else f"is {show(part.raw)}" if part.raw else "is empty"


def show(value: str) -> str:
    """Return *value* for a sentence: one short line without a secret."""
    text = hide_secrets(errors.printable(value))
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def hide_secrets(text: str) -> str:
    """Return the lines of *text* without passwords, tokens and client secrets."""
    return "\n".join(map(_hide_in_line, text.split("\n")))


def _hide_in_line(line: str) -> str:
    line = log_redaction.clean(_SECRET_LINE.sub(rf"\1{_HIDDEN}", line))
    return _SECRET_WORD.sub(lambda word: _HIDDEN if looks_secret(word[0]) else word[0], line)


def looks_secret(word: str) -> bool:
    """Does *word* mix letters of both cases and digits, as a token or a client secret does?"""
    return bool(re.search(r"\d", word)) and word.lower() != word != word.upper()


@functools.cache
def known_options() -> frozenset[str]:
    """Return the names of OfflineIMAP's options."""
    lines = Path(__file__).with_name("options.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def as_value(text: str) -> str:
    """Return *text* as it stands in the file: a per cent sign is written twice."""
    return text.replace("%", "%%")


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first of *names* for a sentence."""
    rest = len(names) - most
    return ", ".join(map(show, names[:most])) + (f" and {rest} more" if rest > 0 else "")
