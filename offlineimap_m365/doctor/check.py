"""
One check and its outcome, the account that is checked, and the step that makes a check.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.provider.msal_cache import AccessToken

#: Fields that each check has in JSON (contract §3); the others are there only where they have a value.
_ALWAYS = ("name", "account", "ok", "meaning", "remedy")


@dataclasses.dataclass(frozen=True)
class Diff:
    """
    What mends a configuration file: *text*, a unified diff that may hold secrets of the file; *shown* without them.

    *command* prints it and applies it.
    """

    text: str = dataclasses.field(repr=False)
    shown: str
    command: str


@dataclasses.dataclass(frozen=True)
class Check:
    """
    One named check, with the field names of ``doctor --json``.

    *ok* is None for what was not tried or cannot be known; *since* then names the failed check that is the reason.
    *meaning* is one sentence without a full stop, *details* are more facts, *remedy* is what helps against a failure.
    *mailbox* is there where it is not the account's own. *code* and *correlation_id* are Microsoft's. Of a
    configuration file: *file*, *line* (from 1), and *diff*, which mends it: the same for all findings of one file.
    """

    name: str
    ok: bool | None
    meaning: str
    remedy: Remedy = dataclasses.field(default_factory=Remedy)
    account: str | None = None
    mailbox: str | None = None
    file: str | None = None
    line: int | None = None
    code: str | None = None
    correlation_id: str | None = None
    since: str | None = None
    details: tuple[str, ...] = ()
    diff: Diff | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON; *command* and *where* are the parts of the remedy that a person types."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values |= {"diff": None, "remedy": self.remedy.text, "command": self.remedy.command}
        values["where"] = self.remedy.where if self.remedy.command else None
        return {name: value for name, value in values.items() if name in _ALWAYS or value not in (None, ())}


@dataclasses.dataclass(frozen=True)
class Trouble:
    """What is wrong (*meaning*, a sentence without a full stop) and what helps."""

    meaning: str
    remedy: Remedy


class NotTriedError(Exception):
    """A check cannot be made; the text says why."""


@dataclasses.dataclass
class Subject:
    """
    An account (or, without a *name*, this machine) while it is checked.

    *account* is None until its profile was read, *token* until there is one that is right. *unmet* gives for each
    check that failed or was not tried the failed one behind it. *notes* is what one step leaves for a later one;
    *shared* is the same for all accounts of one run: 500 accounts at one login host are one request.
    """

    name: str
    mailbox: str
    offline: bool = False
    account: Account | None = None
    token: AccessToken | None = dataclasses.field(default=None, repr=False)
    unmet: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    shared: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def profile(self) -> Account:
        """The account; raises NotTriedError where its profile was not read."""
        if self.account is None:
            raise NotTriedError("Not tried, because the profile was not read")
        return self.account

    def good(self, name: str, meaning: str, *details: str) -> Check:
        """Return a check that is as it should be; *details* are more facts about it."""
        return Check(name, ok=True, meaning=meaning, account=self.name or None, details=details)

    def bad(self, name: str, meaning: str, remedy: Remedy) -> Check:
        """Return a check that failed."""
        return Check(name, ok=False, meaning=meaning, remedy=remedy, account=self.name or None)

    def untold(self, name: str, meaning: str, since: str | None = None) -> Check:
        """Return a check whose outcome cannot be known; *since* the failed check that is the reason."""
        return Check(name, ok=None, meaning=meaning, account=self.name or None, since=since)

    def not_tried(self, name: str, since: str) -> Check:
        """Return a check that was not tried, because the check *since* failed."""
        return self.untold(name, f"Not tried because of {since}", since)


@dataclasses.dataclass(frozen=True)
class Step:
    """The check *name*, which *run* makes unless one of the checks that it *needs* failed or was not tried."""

    name: str
    run: Callable[[Subject], Check]
    needs: tuple[str, ...] = ()

    def check(self, subject: Subject) -> Check:
        """Make the check of *subject* and note its outcome there; no error of any kind gets out."""
        since = next((subject.unmet[name] for name in self.needs if name in subject.unmet), None)
        if since is not None:
            subject.unmet[self.name] = since
            return subject.not_tried(self.name, since)
        try:
            check = self.run(subject)
        except NotTriedError as reason:
            subject.unmet[self.name] = self.name
            return subject.untold(self.name, str(reason))
        except Exception as error:  # noqa: BLE001 - a bug in one check must not hide what the others show
            check = of_error(self.name, error, subject.name or None)
        if check.ok is False or check.since is not None:
            subject.unmet[self.name] = check.since or check.name
        return check


def of_error(name: str, error: Exception, account: str | None = None) -> Check:
    """Return the failed check *name* that met *error*; one that is not of this package is a bug."""
    if isinstance(error, errors.M365Error):
        meaning = ". ".join(part.rstrip(".") for part in (error.fact, error.meaning) if part)
        account = account if account is not None else error.account
        return Check(name, False, meaning, error.remedy, account, code=error.code, correlation_id=error.correlation_id)
    report = Remedy("Please report this as a bug in this program", f"{errors.COMMAND} doctor --report")
    return Check(name, False, f"This check ended with an unexpected error ({type(error).__name__})", report, account)
