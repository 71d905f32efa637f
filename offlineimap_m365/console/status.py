"""
What is known of each account without asking anybody: the report of ``status``.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import errors, fresh_token, time_words
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    from offlineimap_m365.provider import msal_cache

_DAY = 86_400
_STATES = {errors.Temporary.exit_code: "waiting", errors.SignInNeeded.exit_code: "needs-login"}


@dataclasses.dataclass
class Report:
    """
    One account, with the field names of ``status --json``.

    *state* is ``ok``, ``stale`` (the next use refreshes), ``waiting`` (the provider could not be reached last time, or
    refuses where one is now; or the store cannot be read now, such as a locked keyring),
    ``needs-login`` or ``broken``; *expires_in* seconds, *unused_days* whole days, times RFC 3339 in UTC.
    """

    account: str
    identity: str | None = None
    tenant: str | None = None
    kind: str = "delegated"
    client_id: str | None = None
    store: str | None = None
    state: str = "needs-login"
    expires_in: int | None = None
    last_refresh: str | None = None
    signed_in_at: str | None = None
    unused_days: int | None = None
    reason: str | None = None
    code: str | None = None
    correlation_id: str | None = None
    certificate_ends: str | None = None

    @property
    def needs_somebody(self) -> bool:
        """Must a person do something?"""
        return self.state in ("needs-login", "broken")


def report(names: list[str]) -> list[Report]:
    """
    Return a report per name, or of all accounts if *names* is empty; a broken account is reported, not raised.

    Raises Temporary if the home cannot be read now.
    """
    return [_report(name) for name in names or profiles.names()]


def _report(name: str) -> Report:
    report = Report(name)
    try:
        account = profiles.load(name)
        if account is None:
            raise profiles.not_signed_in(name)
        report = Report(account.name)
        for field in ("identity", "tenant", "kind", "client_id", "store", "signed_in_at"):
            text = getattr(account, field)
            setattr(report, field, text and errors.printable(text))
        if not account.is_signed_in:
            login = errors.Remedy("", errors.login_command(account.name))
            raise errors.SignInNeeded(f"{account.name} is signed out", remedy=login)
        _add_token(report, account, engine.peek(account))
        _add_failure(report, account)
        _add_certificate(report, account)
    except errors.M365Error as error:
        report.state, report.reason, report.code = _state(error), error.one_line(), error.code
    return report


def _add_token(report: Report, account: profiles.Account, token: msal_cache.AccessToken | None) -> None:
    """Add what the *token* tells, and what to do if it was not used for long."""
    if token is None:
        report.reason = profiles.lost(account).one_line()
        return
    now, longest = time.time(), account_state.LONGEST_UNUSED
    report.state = "ok" if token.is_good(fresh_token.MARGIN, now) else "stale"
    report.expires_in = max(0, int(token.expires_on - now))
    report.last_refresh = time_words.timestamp(token.cached_at)
    if account.is_app_only:
        return
    report.unused_days = unused = max(0, int(now - token.cached_at) // _DAY)
    if unused >= longest:
        login = errors.login_command(account.name)
        report.state = "needs-login"
        report.reason = f"Not used for {unused} days; Microsoft keeps it for {longest}. Run: {login}"
    elif unused >= longest - account_state.UNUSED_SOON:
        refresh = f"{errors.COMMAND} refresh {errors.quoted(account.name)}"
        report.reason = f"Not used for {unused} of {longest} days, and then Microsoft forgets it. Run: {refresh}"


def _add_failure(report: Report, account: profiles.Account) -> None:
    """Add the last failure, unless a token came after it."""
    failure = account_state.last_failure(account.folder)
    if failure is None or report.state == "ok":
        return
    days_left = report.reason if isinstance(failure, errors.Temporary) else None
    report.reason = ". ".join(filter(None, (failure.one_line(), days_left)))
    report.state = "waiting" if account_state.may_pass(account.folder, failure) else _state(failure)
    report.code, report.correlation_id = failure.code, failure.correlation_id


def _add_certificate(report: Report, account: profiles.Account) -> None:
    """Add what can be told of a client's secret or certificate without running anything."""
    ends = client_credential.end(account)
    if ends is None:
        return
    report.certificate_ends = time_words.timestamp(ends)
    days = int((ends - time.time()) // _DAY)
    if days > client_credential.SOON:
        return
    when = f"ended on {report.certificate_ends}" if days < 0 else f"ends in {time_words.days(days)}"
    where = (account.credential or {})["certificate"]
    reason = f"Its certificate {when}: upload another one to the application's registration, and put it into {where}"
    report.reason = errors.printable(". ".join(filter(None, (report.reason, reason))))
    if days < 0:
        report.state = "broken"


def _state(error: errors.M365Error) -> str:
    return _STATES.get(error.exit_code, "broken")
