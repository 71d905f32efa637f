"""
One real refresh, what the new token says about itself, and which programs can send one of that length.

A token's claims are not verified: only the mail server has to trust them. Microsoft's "Access token claims reference"
says that no client may depend on them, so they are used for explanations only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors, fresh_token, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console import prompt
from offlineimap_m365.doctor.check import Trouble, of_error
from offlineimap_m365.knowledge import mail_scopes
from offlineimap_m365.mail import server_text
from offlineimap_m365.provider import id_token
from offlineimap_m365.recipes import limits
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject

#: Microsoft's codes for a client secret that is wrong or has ended (entra-docs, reference-error-codes.md).
_SECRET = frozenset({"AADSTS70002", "AADSTS7000215", "AADSTS7000222"})
#: Claims with the name of the person that a token is for, the best first.
_NAMES = ("upn", "preferred_username", "unique_name", "email")


def examine_refresh(subject: Subject) -> Check:
    """Ask for a new token, once; *subject* has it afterwards. One that another process obtains meanwhile will do."""
    account = subject.profile
    outcome = engine.renew(account.name, may_ask=prompt.is_there())
    if not isinstance(outcome, engine.Obtained):
        return of_error("refresh", outcome.error.replaced(remedy=_remedy(outcome.error, account)), account.name)
    subject.token = token = outcome.token
    if outcome.unsaved and not account.is_app_only:
        return of_error("refresh", outcome.unsaved, account.name)
    is_short = token.life < fresh_token.MARGIN
    short = f": less than {fresh_token.MARGIN} s, so that each use asks for another one" if is_short else ""
    return subject.good(
        "refresh", f"The refresh worked; the new token is valid for {time_words.duration(token.life)}{short}"
    )


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
    claims = id_token.claims_of(subject.token.value) if subject.token else None
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
    if not account.is_app_only and is_anothers(claims, account):
        meaning = f"The token is {_cited(claims) or 'somebody else'}'s, and {account.identity} signed in"
        return Trouble(meaning, Remedy("Sign in again", login))
    allowed = protocols(claims)
    asked = {"imap"} if account.is_app_only else set(filter(None, map(mail_scopes.protocol, account.scopes)))
    missing = asked - allowed if allowed is not None else set()
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
    allowed = " and ".join(sorted(map(str.upper, protocols(claims) or ()))) or "what it does not name"
    if account.is_app_only:
        return f"The token allows {allowed}, for the application itself"
    whose = _cited(claims)
    differs = f", which is not {account.name}" if "@" in whose and whose.lower() != account.name.lower() else ""
    return f"The token allows {allowed}{f', for {whose}' if whose else ''}{differs}"


def _cited(claims: dict[str, Any]) -> str:
    """Return the name of the person that a token is for, in quotation marks if it is not an address; "" for none."""
    name = server_text.clean(next(iter(_names(claims)), ""))
    return server_text.cited(name) if name and "@" not in name else name


def _names(claims: dict[str, Any]) -> list[str]:
    return [claims[name] for name in _NAMES if isinstance(claims.get(name), str) and claims[name]]


def protocols(claims: dict[str, Any]) -> set[str] | None:
    """Return for which of ``imap``, ``smtp``, ``pop`` the token is; None if it names no permissions at all."""
    scp, roles = claims.get("scp"), claims.get("roles")
    if not isinstance(scp, str) and not isinstance(roles, list):
        return None
    names = [*(scp.split() if isinstance(scp, str) else []), *(roles if isinstance(roles, list) else [])]
    return set(filter(None, (mail_scopes.protocol(name) for name in names if isinstance(name, str))))


def is_anothers(claims: dict[str, Any], account: Account) -> bool:
    """Is the token for another person than the one who signed in? By the ids if both are known, else by the names."""
    ours, theirs = account.person.get("oid"), claims.get("oid")
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours.lower() != theirs.lower()
    known = [name.lower() for name in _names(claims)]
    return bool(account.identity and known) and (account.identity or "").lower() not in known


def examine_length(subject: Subject) -> Check:
    """Return which programs cannot send the token; whether they are in use is not known here."""
    token = subject.token.value if subject.token else ""
    length = f"It has {len(token):,} characters"
    programs = limits.too_short_for(subject.name, token).values()
    if programs:
        meaning = f"{length}, more than these can send together with a user's name: {', '.join(programs)}"
        return subject.untold("token-length", meaning)
    return subject.good("token-length", f"{length}, which every program known here can send")
