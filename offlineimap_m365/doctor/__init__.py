"""
Named checks in the order in which things usually break, each failure with the command that helps.

A check that depends on a failed one is not tried, so that one cause is one failure. Nothing is changed but what a
refresh changes, and nothing secret is shown.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, notices
from offlineimap_m365.doctor.check import Check, Step, Subject, of_error
from offlineimap_m365.doctor.local import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Check", "Order", "Subject", "examine"]


@dataclasses.dataclass(frozen=True)
class Order:
    """
    What to check: *names* of accounts (none: all), *mailbox* if it is not the account's own.

    *config*: an offlineimaprc (None: the one that OfflineIMAP reads).

    *offline*: without any request. *run_config*: the offlineimaprc's own Python may be run.
    """

    names: tuple[str, ...] = ()
    mailbox: str | None = None
    config: Path | None = None
    run_config: bool = False
    offline: bool = False


def examine(order: Order) -> Iterator[Check]:
    """Yield the checks one after the other, as they end. Raises SignInNeeded for a name that was never signed in."""
    names, closed = notices.collect(lambda: _names(order))
    machine = Subject("", "")
    yield Step(versions.NAME, versions.examine_ours).check(machine)
    yield Step(versions.OFFLINEIMAP, versions.examine_offlineimap).check(machine)
    if versions.failure_of_msal() is not None:
        return
    from offlineimap_m365.doctor import offlineimaprc  # noqa: PLC0415 - needs what MSAL depends on

    yield from (step.check(machine) for step in machine_steps(names, closed))
    subjects: list[Subject] = []
    shared: dict[str, object] = {}
    for name in names:
        subject = Subject(name, order.mailbox or name, order.offline, unmet=dict(machine.unmet), shared=shared)
        subjects.append(subject)
        yield from (step.check(subject) for step in account_steps(offline=order.offline))
    config = order.config or offlineimaprc.usual_file()
    if config is None:
        return
    try:
        yield from offlineimaprc.examine(config, subjects, run=order.run_config, offline=order.offline)
    except Exception as error:  # noqa: BLE001 - as in Step
        yield of_error("config", error)


def machine_steps(names: Sequence[str], closed: Sequence[str]) -> list[Step]:
    """Return the steps that look at this machine; *closed* are notices about files that others could read."""
    from offlineimap_m365.doctor import network  # noqa: PLC0415 - as above
    from offlineimap_m365.doctor.local import home_directory, plugin_checks  # noqa: PLC0415 - as above

    steps = [
        Step("certificates", network.examine_certificates),
        Step("home", functools.partial(home_directory.examine, closed)),
    ]
    if not names:
        return [*steps, Step("sign-in", home_directory.nobody, ("home",))]
    return [
        *steps,
        Step("notify", plugin_checks.examine_notify, ("home",)),
        Step("stub", plugin_checks.examine_stub, ("home",)),
    ]


def account_steps(*, offline: bool) -> list[Step]:
    """Return the steps that look at one account, in the order in which things usually break."""
    from offlineimap_m365.doctor import network  # noqa: PLC0415 - as above
    from offlineimap_m365.doctor.account import profile_checks, token_checks  # noqa: PLC0415 - as above
    from offlineimap_m365.doctor.mail import mail_checks  # noqa: PLC0415 - as above

    offline_steps = [
        Step("profile", profile_checks.examine_profile, ("home",)),
        Step("client", profile_checks.examine_client, ("profile",)),
        Step("store", profile_checks.examine_store, ("profile",)),
        Step("sign-in", profile_checks.examine_sign_in, ("profile", "store")),
    ]
    if offline:
        return offline_steps
    return [
        *offline_steps,
        *network.STEPS,
        Step("refresh", token_checks.examine_refresh, ("client", "store", "sign-in", "login-host")),
        Step("token", token_checks.examine_token, ("refresh",)),
        Step("token-length", token_checks.examine_length, ("token",)),
        *mail_checks.IMAP_STEPS,
        *mail_checks.SMTP_STEPS,
    ]


def _names(order: Order) -> list[str]:
    """Return whom to check, as they are saved; where the home cannot be read that is nobody, and its check says why."""
    names = [profiles.clean_name(name) for name in order.names]
    try:
        known = {name.lower(): name for name in profiles.names()}  # a broken profile counts as an account
    except (errors.Temporary, errors.Misconfigured):
        return names
    for name in names:
        if name.lower() not in known:
            raise profiles.not_signed_in(name)
    return list(dict.fromkeys(known[name.lower()] for name in names)) or list(known.values())
