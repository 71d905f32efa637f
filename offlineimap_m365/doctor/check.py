"""
One check and what came of it, and whom it is about.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base.errors import COMMAND

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.base import errors
    from offlineimap_m365.provider.msal_cache import AccessToken

#: A remedy that ends with its command already.
_ENDS_WITH_IT = re.compile(r"(?:Run|In PowerShell): (?:(?!\. |; ).)+$")
#: A word of a command of ours within a sentence: no stop of it, and none of its own words.
_WORD = r"(?:'[^']*'|(?!(?:or|at|then|to|and|where|with) )[^\s;,']*[^\s;,'.])"
#: What leads to a command in a sentence, and goes with it.
_LEAD = r"(?:(?:,? ?(?:then|and) )?\b[Rr]un(?: again)?|\bLook at|\bTry)?: "
#: A command of ours, which counts more, and another one, which ends a remedy; the first if there are two.
_COMMANDS = (
    re.compile(rf"{_LEAD}(?P<command>{COMMAND}(?: {_WORD})+)"),
    re.compile(rf"{_LEAD}(?P<command>(?:ls|df|mv|rm|sudo|pipx) [^;]+)(?:; .+)?$"),
)


@dataclasses.dataclass(frozen=True)
class Check:
    """
    One named check, with the field names of ``doctor --json``.

    *ok* is None for what was not tried, or cannot be told. *meaning* is one sentence without an end stop; *remedy*, of
    a failure, ends with the one command that helps: behind ``Run: ``, ``In PowerShell: ``, or as the line of a file.
    *mailbox* where it is not the account's own. Of a configuration file: *file*, *line* (from 1) and the line or lines
    as they should be (*corrected*), in the place of all up to *last_line* where those are several. *code* and
    *correlation_id* are Microsoft's.
    """

    name: str
    ok: bool | None
    meaning: str
    remedy: str = ""
    account: str | None = None
    mailbox: str | None = None
    file: str | None = None
    line: int | None = None
    last_line: int | None = None
    corrected: str | None = None
    code: str | None = None
    correlation_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON (contract §3); those that need not be there only where they say something."""
        always = ("name", "account", "ok", "meaning", "remedy")
        found = dataclasses.asdict(self)
        return {name: found[name] for name in always} | {
            name: value for name, value in found.items() if name not in always and value is not None
        }


def of_error(name: str, error: errors.M365Error, account: str | None = None) -> Check:
    """Return the failed check *name* that met *error*."""
    meaning = ". ".join(part.rstrip(".") for part in (error.fact, error.meaning) if part)
    return Check(
        name,
        ok=False,
        meaning=meaning,
        remedy=followable(error.remedy),
        account=account if account is not None else error.account,
        code=error.code,
        correlation_id=error.correlation_id,
    )


def followable(remedy: str) -> str:
    """Return the *remedy* of an error with the command that it names first at its end, where somebody looks for it."""
    if _ENDS_WITH_IT.search(remedy):
        return remedy
    found = next(filter(None, (one.search(remedy) for one in _COMMANDS)), None)
    if found is None:
        return remedy
    rest = (remedy[: found.start()] + remedy[found.end() :]).strip(" .,;")
    return f"{rest}. Run: {found['command']}" if rest else f"Run: {found['command']}"


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found of a host that several accounts share: *checks*, and *causes* as those of a Subject."""

    checks: list[Check]
    causes: frozenset[str]


@dataclasses.dataclass
class Subject:
    """
    An account under examination: what the rooms have found out so far.

    *account* is None until its profile was read, *token* until there is one that works; *failed* are the names of the
    checks that failed, so that what depends on them is not tried; *causes* what was named already, so that one cause
    that several checks meet is named once. *hosts* is shared by all subjects of one run: what was found of a login
    host, since 500 accounts on one host are no reason to ask it 500 times.
    """

    name: str
    mailbox: str
    offline: bool = False
    account: Account | None = None
    token: AccessToken | None = dataclasses.field(default=None, repr=False)
    failed: set[str] = dataclasses.field(default_factory=set)
    causes: set[str] = dataclasses.field(default_factory=set)
    hosts: dict[str, Findings] = dataclasses.field(default_factory=dict)

    def good(self, name: str, meaning: str) -> Check:
        """Return a check of this account that is as it should be."""
        return Check(name, ok=True, meaning=meaning, account=self.name)

    def bad(self, name: str, meaning: str, remedy: str) -> Check:
        """Return a check of this account that failed."""
        return Check(name, ok=False, meaning=meaning, remedy=remedy, account=self.name)

    def untold(self, name: str, meaning: str) -> Check:
        """Return a check of this account that was not tried, or that cannot be told."""
        return Check(name, ok=None, meaning=meaning, account=self.name)
