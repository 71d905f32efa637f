"""
One real refresh, and what came of it: what the token says of itself, and which programs can carry one so long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors, fresh_token
from offlineimap_m365.doctor.account import token_claims
from offlineimap_m365.doctor.check import Check, of_error
from offlineimap_m365.mail import server_text
from offlineimap_m365.recipes import limits
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Subject

#: What makes a refresh pointless if it failed, and what to call that.
_POINTLESS = {
    "home": "the home is not as it should be",
    "profile": "the profile cannot be used",
    "client": "the client's secret or certificate cannot be used",
    "store": "the store cannot be used",
    "sign-in": "nobody is signed in",
    "dns": "the name of a host cannot be resolved",
    "proxy": "the proxy does not let it through",
    "tls": "the sign-in service's certificate is not accepted",
    "login-host": "the sign-in service cannot be reached",
}
#: Microsoft's codes for a client secret that is wrong or has ended (entra-docs, reference-error-codes.md).
_SECRET = frozenset({"AADSTS70002", "AADSTS7000215", "AADSTS7000222"})


def examine(subject: Subject) -> Iterator[Check]:
    """Yield the checks of the token, which *subject* has afterwards if there is one that is right."""
    why = next((words for name, words in _POINTLESS.items() if name in subject.failed), None)
    account = subject.account
    if why or account is None:
        yield subject.untold("refresh", f"Not tried, since {why or 'there is no profile'}")
        return
    yield _refresh(subject, account)
    if subject.token is None:
        return
    value = subject.token.value
    found = _claims(subject, account, value)
    if found.ok is False:  # what would come of it is no second finding, and it belongs to no mail server
        subject.token = None
    yield found
    yield _length(subject, value)


# The refresh


def _refresh(subject: Subject, account: Account) -> Check:
    """Ask for a new token, once; what another process obtains meanwhile will do."""
    try:
        outcome = engine.renew(account.name, may_ask=environment.at_terminal())
        if not isinstance(outcome, engine.Obtained):
            raise outcome.error
    except errors.M365Error as error:
        return of_error("refresh", _with_command(error, account), account.name)
    subject.token = token = outcome.token
    if outcome.unsaved and not account.is_app_only:
        return subject.bad("refresh", f"There is a new token. {outcome.unsaved.fact}", outcome.unsaved.remedy)
    return subject.good("refresh", f"A new token came, and lives for {_time(token.life)}{_short(token.life)}")


def _with_command(error: errors.M365Error, account: Account) -> errors.M365Error:
    """Return *error* with the command that proves the end of an outage, or with the file that its secret is in."""
    again = f"{errors.COMMAND} refresh {errors.quoted(account.name)}"
    path = (account.credential or {}).get("client_secret_file")
    if error.code in _SECRET and path is not None:
        return error.replaced(remedy=f"Make a new one and put its value (not its id) into {path}. Run: {again}")
    if isinstance(error, errors.Temporary) and ": " not in error.remedy:
        return error.replaced(remedy=f"{error.remedy}. Run: {again}")
    return error


def _time(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"  # noqa: PLR2004 - what a person would say


def _short(life: int) -> str:
    """Return what a token costs that never lives as long as it should."""
    return (
        f": less than {fresh_token.MARGIN} s, so that each use asks for another one"
        if life < fresh_token.MARGIN
        else ""
    )


# What it says of itself


def _claims(subject: Subject, account: Account, token: str) -> Check:
    """Return whether the token is the right one, as far as it can be read."""
    found = token_claims.read(token)
    if found is None:
        usual = ", as those of personal accounts are" if account.is_personal else ""
        return subject.untold(
            "token", f"The token is not readable{usual}: only the mail server can tell what it is for"
        )
    return _wrong(subject, account, found) or subject.good("token", _summary(account, found))


def _wrong(subject: Subject, account: Account, found: dict[str, Any]) -> Check | None:
    """Return what is wrong with the token, None if nothing is."""
    login = f"Run: {errors.login_command(account.name)}"
    if not token_claims.is_for_mail(found, account):
        meaning = f"The token is for {token_claims.text(found, 'aud') or 'something else'}, and the mail takes another"
        return subject.bad("token", meaning, f"Ask for mail only. {login} --scope imap --scope smtp")
    if not account.is_app_only and token_claims.is_anothers(found, account):
        whose = _cited(next(iter(token_claims.names(found)), "")) or "somebody else"
        return subject.bad(
            "token", f"The token is {whose}'s, and {account.identity} signed in", f"Sign in again. {login}"
        )
    if not account.is_personal and token_claims.is_of_another_tenant(found, account):
        meaning = f"The token is of another organisation (tenant) than the sign-in: {token_claims.text(found, 'tid')}"
        return subject.bad("token", meaning, f"Sign in again. {login}")
    allowed = token_claims.permissions(found)
    missing = token_claims.asked(account) - allowed if allowed is not None else set()
    return _without(subject, account, missing) if missing else None


def _without(subject: Subject, account: Account, missing: set[str]) -> Check:
    """Return the failure of a token that does not allow all that was asked for."""
    lacking = " and ".join(sorted({token_claims.PERMISSIONS[name] for name in missing}))
    if account.is_app_only:
        advice = (
            "An administrator adds IMAP.AccessAsApp of Office 365 Exchange Online to the application's registration"
        )
        consent = f"{errors.COMMAND} consent {errors.quoted(account.name)}"
        return subject.bad(
            "token", f"The token does not allow {lacking}", f"{advice}, and grants consent. Run: {consent}"
        )
    return subject.bad(
        "token",
        f"The token does not allow {lacking}, which was asked for",
        f"Approve it while signing in. Run: {errors.login_command(account.name)}",
    )


def _summary(account: Account, found: dict[str, Any]) -> str:
    """Return what the token is for, and whose: that need not be the account's address."""
    allowed = {token_claims.PERMISSIONS[name] for name in token_claims.permissions(found) or ()}
    what = " and ".join(sorted(allowed)) or "what it does not tell"
    whose = next(iter(token_claims.names(found)), "") if not account.is_app_only else "the application itself"
    differs = (
        f", which is not {account.name}" if whose and "@" in whose and whose.lower() != account.name.lower() else ""
    )
    shown = whose if account.is_app_only else _cited(whose)
    return f"The token allows {what}{f', for {shown}' if shown else ''}{differs}"


def _cited(name: str) -> str:
    """Return a person's *name* for a sentence: in quotation marks if it is no address, since it may be any words."""
    return server_text.cited(name) if name and "@" not in name else name


# How long it is


def _length(subject: Subject, token: str) -> Check:
    """Return which programs cannot send the *token*; whether they are in use is not known here."""
    length = f"It has {len(token):,} characters"
    too_short = limits.too_short_for(subject.name, token)
    if too_short:
        return subject.untold(
            "token-length", f"{length}, more than some can send together with a user's name: {', '.join(too_short)}"
        )
    return subject.good("token-length", f"{length}, which every program known here can send")
