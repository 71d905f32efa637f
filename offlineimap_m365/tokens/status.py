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
_TEMPORARY = errors.Temporary.exit_code


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
        return dataclasses.replace(base, reason=f"{account.name} signed out. Run: {errors.login_command(account.name)}")
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
    if token is not None:
        unused = max(0, int(now - token.cached_at) // _DAY) if account.kind == "delegated" else None
        is_fresh = token.is_good(fresh_token.MARGIN, now)
        base = dataclasses.replace(
            base,
            state="ok" if is_fresh else "stale",
            expires_in=max(0, int(token.expires_on - now)),
            last_refresh=time_words.timestamp(token.cached_at),
            unused_days=unused,
            reason=_near_its_end(account, unused),
        )
        if unused is not None and unused >= account_state.LONGEST_UNUSED:
            base = dataclasses.replace(base, state="needs-login")
        if is_fresh:
            return base
    if failure is None:
        return base if token else dataclasses.replace(base, reason=f"The sign-in of {account.name} is not in its store")
    states = {_TEMPORARY: "waiting", 77: "waiting" if _may_pass(account, failure, now) else "needs-login"}
    return dataclasses.replace(
        base,
        state=states.get(failure.exit_code, "broken"),
        reason=". ".join(filter(None, (failure.one_line(), base.reason if failure.exit_code == _TEMPORARY else None))),
        code=failure.code,
        correlation_id=failure.correlation_id,
    )


def _near_its_end(account: profiles.Account, unused: int | None) -> str | None:
    """Return what to do about a sign-in that was not used for so many days that it ended or will end soon."""
    longest = account_state.LONGEST_UNUSED
    if unused is None or unused < longest - account_state.UNUSED_SOON:
        return None
    if unused >= longest:
        login = errors.login_command(account.name)
        return f"Not used for {unused} days; Microsoft keeps it for {longest}. Run: {login}"
    refresh = f"{errors.COMMAND} refresh {errors.quoted(account.name)}"
    return f"Not used for {unused} of {longest} days, and then Microsoft forgets it. Run: {refresh}"


def _may_pass(account: profiles.Account, failure: errors.M365Error, now: float) -> bool:
    """Does a refusal depend on where one is, so that trying again by itself may help? For a day that is likely."""
    since = account_state.failing_since(account.folder)
    return failure.place and since is not None and now - since < _DAY


def _broken(base: Report, error: errors.M365Error) -> Report:
    state = {_TEMPORARY: "waiting", 77: "needs-login"}.get(error.exit_code, "broken")
    return dataclasses.replace(base, state=state, reason=error.one_line(), code=error.code)
