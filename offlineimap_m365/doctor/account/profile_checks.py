"""
What is kept of one account: its profile, what its client proves itself with, its store, its sign-in. Nobody is asked.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import environment, errors
from offlineimap_m365.doctor.check import of_error
from offlineimap_m365.knowledge import tables
from offlineimap_m365.tokens import token_cache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject

_DAY = 86_400


def examine(subject: Subject) -> Iterator[Check]:
    """Yield the checks of the account, which *subject* has afterwards if its profile can be read."""
    try:
        account = profiles.load(subject.name)
    except errors.M365Error as error:
        if "home" in subject.failed:
            yield subject.untold("profile", "Not tried, since the home is not as it should be")
        else:
            yield of_error("profile", error, subject.name)
        return
    if account is None:
        yield of_error("sign-in", profiles.not_signed_in(subject.name))
        return
    subject.account = account
    yield subject.good("profile", _summary(account))
    if not account.is_signed_in:
        login = errors.login_command(account.name)
        yield subject.bad("sign-in", f"{account.name} signed out, and nobody has signed in since", f"Run: {login}")
        return
    yield _client(subject, account)
    store = _store(subject, account)
    yield store
    if store.ok:
        yield _sign_in(subject, account)


def _summary(account: Account) -> str:
    """Return what the profile says, in a sentence: who signs in need not be called as the account is."""
    who = "an application" if account.is_app_only else account.identity or account.name
    of = "" if who.lower() == account.name.lower() else f"{account.name}: "
    return f"{of}{who} signs in at {urlsplit(account.authority).netloc}, for the mail at {account.imap}"


# What the client proves itself with


def _client(subject: Subject, account: Account) -> Check:
    """Return whether the secret or certificate of a confidential client is there and closed; nothing is run for it."""
    if account.credential is None:
        known = tables.load("clients")["clients"].get(account.client_id)
        name = known["name"] if known else f"the client id {account.client_id}"
        return subject.good("client", f"It asks as {name}, without a secret")
    try:
        ends = client_credential.end(account, account_state.certificate_ends(account.folder))
        if ends is not None and ends <= time.time():
            return _ended(subject, account, ends)
        if set(account.credential) == {"certificate"}:  # with a passphrase a command would have to run
            client_credential.read(account.credential, account.name)
    except errors.M365Error as error:
        return _missing(subject, account) or _unfit(of_error("client", error, account.name), account)
    proofs = {
        "client_secret_file": "the secret in {}",
        "client_secret_command": "the secret that a command prints, which was not run",  # it may hold what it prints
        "certificate": "the certificate {}",
    }
    proof = next(words.format(account.credential[kind]) for kind, words in proofs.items() if kind in account.credential)
    return subject.good("client", f"It proves itself with {proof}{_soon(ends)}")


def _ended(subject: Subject, account: Account, ends: float) -> Check:
    where = (account.credential or {})["certificate"]
    advice = f"Make a new one, upload it to the application's registration, and put it with its key into {where}"
    return subject.bad(
        "client", f"Its certificate {where} ended on {profiles.timestamp(ends)}", f"{advice}. {_again(account)}"
    )


def _missing(subject: Subject, account: Account) -> Check | None:
    """Return the failure of a secret or certificate that is not where it was, None if it is there."""
    for kind in ("client_secret_file", "certificate"):
        path = (account.credential or {}).get(kind)
        if path is not None and not os.path.lexists(path):
            what, option = kind.removesuffix("_file").replace("_", " "), "--" + kind.replace("_", "-")
            elsewhere = f"or name where it is now with {errors.login_command(account.name)} {option} FILE"
            return subject.bad(
                "client", f"Its {what} {path} is gone", f"Put it there again, {elsewhere}. {_again(account)}"
            )
    return None


def _unfit(check: Check, account: Account) -> Check:
    """Return *check* with the command that proves it is over, where what helps is none."""
    has_command = "Run: " in check.remedy
    return check if has_command else dataclasses.replace(check, remedy=f"{check.remedy}. {_again(account)}")


def _soon(ends: float | None) -> str:
    """Return that a certificate ends soon, an empty text for one that is good for long."""
    days = None if ends is None else int((ends - time.time()) // _DAY)
    if ends is None or days is None or days > client_credential.SOON:
        return ""
    return f", which ends in {_days(days)}, on {profiles.timestamp(ends)}: upload another one before"


def _again(account: Account) -> str:
    return f"Run: {errors.COMMAND} refresh {errors.quoted(account.name)}"


# The store


def _store(subject: Subject, account: Account) -> Check:
    """Return whether the store can be read and written, and has what it should."""
    shut = _shut(account.folder)
    if shut and not ("home" in subject.failed and _has_modes(account.folder)):  # or it is the same file system
        return subject.bad("store", *shut)
    try:
        stored = token_cache.read(account, may_ask=environment.at_terminal())
    except errors.M365Error as error:
        return of_error("store", error, account.name)
    if stored.refresh_token is None and not account.is_app_only:
        return of_error("store", profiles.lost(account))
    kind, _, key = account.store.partition(":")
    places = {
        "file": f"in {account.folder}, closed to others",
        "keyring": "in the keyring",
        "gpg": f"encrypted for {key}",
    }
    return subject.good("store", f"Its secrets are {places.get(kind, account.store)}")


def _shut(folder: str) -> tuple[str, str] | None:
    """Return why nothing can be written into *folder* and what helps, None if something can."""
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    where = errors.quoted(folder)
    meaning = f"A new token could not be kept, since {folder} cannot be written"
    if not _has_modes(folder):
        return meaning, f"Run: chmod u+rwx {where}"
    return meaning, f"In a unit of systemd name it with ReadWritePaths=; else look there. Run: findmnt --target {where}"


def _has_modes(folder: str) -> bool:
    """Do the modes of *folder* let its owner write?"""
    return Path(folder).stat().st_mode & stat.S_IRWXU == stat.S_IRWXU


# The sign-in


def _sign_in(subject: Subject, account: Account) -> Check:
    """Return what is known of the sign-in: the days that are left, and a refusal; that is tried anew if it can be."""
    failure = account_state.last_failure(account.folder)
    unused = _unused_days(account)
    if subject.offline and unused is not None and unused >= account_state.LONGEST_UNUSED:
        login = errors.login_command(account.name)
        meaning = f"It was not used for {unused} days, and Microsoft keeps a sign-in for {account_state.LONGEST_UNUSED}"
        return subject.bad("sign-in", meaning, f"Run: {login}")
    if subject.offline and failure is not None and not isinstance(failure, errors.Temporary):
        return of_error("sign-in", failure, account.name)
    refused = ""
    if failure is not None:
        refused = f"; the last refresh failed{f' ({failure.code})' if failure.code else ''}"
    return subject.good("sign-in", f"Signed in since {account.signed_in_at}{_left(unused)}{refused}")


def _unused_days(account: Account) -> int | None:
    """Return for how many days it was not used; None where that does not count, or is not known."""
    seconds = None if account.is_app_only else account_state.unused_seconds(account.folder)
    return None if seconds is None else int(seconds // _DAY)


def _left(unused: int | None) -> str:
    if unused is None:
        return ""
    used = "used today" if unused == 0 else f"not used for {_days(unused)}"
    left = _days(max(0, account_state.LONGEST_UNUSED - unused))
    return f", {used}; after {'another ' if unused else ''}{left} without use Microsoft ends it"


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"
