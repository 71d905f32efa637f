"""
From "it does not work" to the one command that helps: named checks, in the order in which things usually break.

Each room here looks at one thing and yields what it found; what depends on something that failed is not tried, so that
one cause is named once. Nothing is changed but what a refresh changes, and no secret comes out.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, notices
from offlineimap_m365.doctor.check import Check, Findings, Subject, of_error
from offlineimap_m365.doctor.local import versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

__all__ = ["Check", "Order", "Subject", "examine"]


@dataclasses.dataclass(frozen=True)
class Order:
    """
    What shall be examined: *names* of accounts (none: all), *mailbox* if it is not the account's own, an offlineimaprc.

    *offline*: nobody is asked over a network. *run_config*: the offlineimaprc's own Python may be run.
    """

    names: tuple[str, ...] = ()
    mailbox: str | None = None
    config: Path | None = None
    run_config: bool = False
    offline: bool = False


def examine(order: Order) -> Iterator[Check]:
    """Yield the checks one after the other, as they end. Raises SignInNeeded for a name that was never signed in."""
    names, closed = notices.overheard(lambda: _names(order))
    failed: set[str] = set()
    yield from _noted(failed, versions.examine())
    if not versions.can_speak():
        return
    # Not before: they need MSAL, or what it depends on.
    from offlineimap_m365.doctor import offlineimaprc  # noqa: PLC0415
    from offlineimap_m365.doctor.local import home_directory, mail_programs, tls_trust  # noqa: PLC0415

    yield mail_programs.examine()
    yield from _noted(failed, [tls_trust.examine()])
    yield from _noted(failed, home_directory.examine(names, closed))
    subjects: list[Subject] = []
    hosts: dict[str, Findings] = {}
    for name in names:
        subject = Subject(name, order.mailbox or name, offline=order.offline, failed=set(failed), hosts=hosts)
        subjects.append(subject)
        yield from _examine_account(subject)
    if order.config is not None:
        yield from offlineimaprc.examine(order.config, subjects, run=order.run_config)


def _names(order: Order) -> list[str]:
    """Return whom to examine; where the home cannot be read now nobody is found, and its check says why."""
    try:
        everybody = profiles.names()
        known = {name.lower(): name for name in everybody}
        return list(dict.fromkeys(_known(name, known) for name in order.names)) or everybody
    except (errors.Temporary, errors.Misconfigured):
        return [profiles.clean_name(name) for name in order.names]


def _known(name: str, known: Mapping[str, str]) -> str:
    """Return the name of an account as it is kept; a broken profile is no reason to say that there is none."""
    clean = profiles.clean_name(name)
    if clean.lower() not in known:
        raise profiles.not_signed_in(clean)
    return known[clean.lower()]


def _examine_account(subject: Subject) -> Iterator[Check]:
    from offlineimap_m365.doctor.account import profile_checks, token_checks  # noqa: PLC0415 - as above
    from offlineimap_m365.doctor.mail import imap_checks, smtp_checks  # noqa: PLC0415 - as above
    from offlineimap_m365.doctor.network import login_host  # noqa: PLC0415 - as above

    for room in (
        (profile_checks,) if subject.offline else (profile_checks, login_host, token_checks, imap_checks, smtp_checks)
    ):
        yield from _noted(subject.failed, _whole(subject, room))


def _whole(subject: Subject, room: ModuleType) -> Iterator[Check]:
    """Yield the checks of a *room*; an error that it did not expect is a finding, and no end of the examination."""
    try:
        yield from room.examine(subject)
    except errors.M365Error as error:
        name = room.__name__.rpartition(".")[2]
        cut = subject.untold(name, f"Not tried to its end: {error.fact}")
        yield cut if subject.failed else of_error(name, error, subject.name)


def _noted(failed: set[str], checks: Iterable[Check]) -> Iterator[Check]:
    """Let the rooms that follow know what failed."""
    for check in checks:
        if check.ok is False:
            failed.add(check.name)
        yield check
