"""
What is known of each account without asking anybody: the report of ``status``.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import errors, fresh_token, time_words
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    from offlineimap_m365.provider import msal_cache

_DAY = 86_400
_STATES = {errors.Temporary.exit_code: "waiting", errors.SignInNeeded.exit_code: "needs-login"}


@dataclasses.dataclass(frozen=True)
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

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return dataclasses.asdict(self)


def report(names: list[str]) -> list[Report]:
    """
    Return a report per name, or of all accounts if *names* is empty; a broken account is reported, not raised.

    Raises Temporary if the home cannot be read now.
    """
    return [_report(name) for name in names or profiles.names()]


def _report(name: str) -> Report:
    try:
        account = profiles.load(name)
    except errors.M365Error as error:
        return _broken(Report(name), error)
    if account is None:
        return Report(name, reason=profiles.not_signed_in(name).one_line())
    base = Report(
        account.name,
        identity=account.identity and errors.printable(account.identity),
        tenant=account.tenant and errors.printable(account.tenant),
        kind=errors.printable(account.kind),
        client_id=errors.printable(account.client_id),
        store=errors.printable(account.store),
        signed_in_at=account.signed_in_at and errors.printable(account.signed_in_at),
    )
    if not account.is_signed_in:
        return dataclasses.replace(
            base, reason=f"{account.name} is signed out. Run: {errors.login_command(account.name)}"
        )
    try:
        token = engine.peek(account)
    except errors.M365Error as error:
        return _broken(base, error)
    return _with_credential(_signed_in(base, account, token), account)


def _with_credential(report: Report, account: profiles.Account) -> Report:
    """Return the *report* with what can be told of a client's secret or certificate without running anything."""
    try:
        ends = client_credential.end(account, account_state.certificate_ends(account.folder))
    except errors.M365Error as error:
        return _broken(report, error)
    if ends is None:
        return report
    report = dataclasses.replace(report, certificate_ends=time_words.timestamp(ends))
    days = int((ends - time.time()) // _DAY)
    if days > client_credential.SOON:
        return report
    when = f"ended on {time_words.timestamp(ends)}" if days < 0 else f"ends in {days} days"
    where = (account.credential or {})["certificate"]
    reason = f"Its certificate {when}: upload another one to the application's registration, and put it into {where}"
    return dataclasses.replace(
        report,
        state="broken" if days < 0 else report.state,
        reason=errors.printable(". ".join(filter(None, (report.reason, reason)))),
    )


def _signed_in(base: Report, account: profiles.Account, token: msal_cache.AccessToken | None) -> Report:
    now = time.time()
    failure = account_state.last_failure(account.folder)
    if token is None and failure is None:
        return dataclasses.replace(base, reason=f"The sign-in of {account.name} is not in its store")
    if token is not None:
        base = _with_token(base, account, token, now)
    if failure is None or base.state == "ok":
        return base
    is_temporary = isinstance(failure, errors.Temporary)
    reasons = [failure.one_line(), base.reason if is_temporary else None]
    return dataclasses.replace(
        base,
        state="waiting" if _may_pass(account, failure, now) else _state(failure),
        reason=". ".join(filter(None, reasons)),
        code=failure.code,
        correlation_id=failure.correlation_id,
    )


def _with_token(base: Report, account: profiles.Account, token: msal_cache.AccessToken, now: float) -> Report:
    """Return the report with what the *token* tells, and what to do if it was not used for long."""
    longest = account_state.LONGEST_UNUSED
    unused = None if account.is_app_only else max(0, int(now - token.cached_at) // _DAY)
    state, reason = "ok" if token.is_good(fresh_token.MARGIN, now) else "stale", None
    if unused is not None and unused >= longest:
        login = errors.login_command(account.name)
        state, reason = "needs-login", f"Not used for {unused} days; Microsoft keeps it for {longest}. Run: {login}"
    elif unused is not None and unused >= longest - account_state.UNUSED_SOON:
        refresh = f"{errors.COMMAND} refresh {errors.quoted(account.name)}"
        reason = f"Not used for {unused} of {longest} days, and then Microsoft forgets it. Run: {refresh}"
    return dataclasses.replace(
        base,
        state=state,
        expires_in=max(0, int(token.expires_on - now)),
        last_refresh=time_words.timestamp(token.cached_at),
        unused_days=unused,
        reason=reason,
    )


def _may_pass(account: profiles.Account, failure: errors.M365Error, now: float) -> bool:
    """Does a refusal depend on where one is, so that trying again by itself may help? For a day that is likely."""
    since = account_state.failing_since(account.folder)
    return failure.place and since is not None and now - since < _DAY


def _broken(base: Report, error: errors.M365Error) -> Report:
    return dataclasses.replace(base, state=_state(error), reason=error.one_line(), code=error.code)


def _state(error: errors.M365Error) -> str:
    return _STATES.get(error.exit_code, "broken")
