"""
One real refresh, what the new token says about itself, and which programs can send one of that length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import environment, errors, fresh_token, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.account import token_claims
from offlineimap_m365.doctor.check import Trouble, of_error
from offlineimap_m365.mail import server_text
from offlineimap_m365.recipes import limits
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject

#: Microsoft's codes for a client secret that is wrong or has ended (entra-docs, reference-error-codes.md).
_SECRET = frozenset({"AADSTS70002", "AADSTS7000215", "AADSTS7000222"})


def examine_refresh(subject: Subject) -> Check:
    """Ask for a new token, once; *subject* has it afterwards. One that another process obtains meanwhile will do."""
    account = subject.profile
    outcome = engine.renew(account.name, may_ask=environment.at_terminal())
    if not isinstance(outcome, engine.Obtained):
        return of_error("refresh", outcome.error.replaced(remedy=_remedy(outcome.error, account)), account.name)
    subject.token = token = outcome.token
    if outcome.unsaved and not account.is_app_only:
        return of_error("refresh", outcome.unsaved, account.name)
    short = f": less than {fresh_token.MARGIN} s, so that each use asks for another one"
    is_short = token.life < fresh_token.MARGIN
    life = time_words.duration(token.life)
    return subject.good("refresh", f"The refresh worked; the new token is valid for {life}{short if is_short else ''}")


def _remedy(error: errors.M365Error, account: Account) -> Remedy:
    """Return the remedy of *error* with the command that shows the end of an outage, or the file of its secret."""
    again = f"{errors.COMMAND} refresh {errors.quoted(account.name)}"
    path = (account.credential or {}).get("client_secret_file")
    if error.code in _SECRET and path is not None:
        return Remedy(f"Make a new one and put its value (not its id) into {path}", again)
    return error.remedy if error.remedy.command else Remedy(error.remedy.advice, again)


def examine_token(subject: Subject) -> Check:
    """Return whether the token is the right one, as far as it can be read; a wrong one is sent to no mail server."""
    account = subject.profile
    claims = token_claims.read(subject.token.value) if subject.token else None
    if claims is None:
        usual = " (normal for personal accounts)" if account.is_personal else ""
        return subject.untold("token", f"The access token is opaque, so its permissions cannot be checked{usual}")
    wrong = _wrong(account, claims)
    if wrong is None:
        return subject.good("token", _summary(account, claims))
    subject.token = None
    return subject.bad("token", wrong.meaning, wrong.remedy)


def _wrong(account: Account, claims: dict[str, Any]) -> Trouble | None:
    """Return what is wrong with the token, None if nothing is."""
    login = errors.login_command(account.name)
    if not account.is_app_only and token_claims.is_anothers(claims, account):
        whose = _cited(next(iter(token_claims.names(claims)), "")) or "somebody else"
        return Trouble(f"The token is {whose}'s, and {account.identity} signed in", Remedy("Sign in again", login))
    allowed = token_claims.protocols(claims)
    missing = token_claims.asked(account) - allowed if allowed is not None else set()
    if not missing:
        return None
    meaning = f"The token does not allow {' and '.join(sorted(map(str.upper, missing)))}, which was asked for"
    if not account.is_app_only:
        return Trouble(meaning, Remedy("Approve it while signing in", login))
    advice = (
        "An administrator adds IMAP.AccessAsApp of Office 365 Exchange Online to the application's registration, and"
        " grants consent"
    )
    return Trouble(meaning, Remedy(advice, f"{errors.COMMAND} consent {errors.quoted(account.name)}"))


def _summary(account: Account, claims: dict[str, Any]) -> str:
    """Return what the token allows, and to whom: that need not be the account's address."""
    allowed = sorted(protocol.upper() for protocol in token_claims.protocols(claims) or ())
    permissions = " and ".join(allowed) or "what it does not name"
    if account.is_app_only:
        return f"The token allows {permissions}, for the application itself"
    whose = next(iter(token_claims.names(claims)), "")
    differs = f", which is not {account.name}" if "@" in whose and whose.lower() != account.name.lower() else ""
    return f"The token allows {permissions}{f', for {_cited(whose)}' if whose else ''}{differs}"


def _cited(name: str) -> str:
    """Return a person's *name* for a sentence: in quotation marks if it is not an address, since it may be any text."""
    return server_text.cited(name) if name and "@" not in name else name


def examine_length(subject: Subject) -> Check:
    """Return which programs cannot send the token; whether they are in use is not known here."""
    token = subject.token.value if subject.token else ""
    length = f"It has {len(token):,} characters"
    programs = limits.too_short_for(subject.name, token).values()
    if programs:
        meaning = f"{length}, more than these can send together with a user's name: {', '.join(programs)}"
        return subject.untold("token-length", meaning)
    return subject.good("token-length", f"{length}, which every program known here can send")
