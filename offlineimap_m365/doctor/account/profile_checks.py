"""
What is saved of one account: its profile, its client's secret or certificate, its store, its sign-in. No request.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import errors, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console import prompt, table
from offlineimap_m365.doctor.check import of_error
from offlineimap_m365.knowledge import tables
from offlineimap_m365.tokens import token_cache

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject

_DAY = 86_400


def examine_profile(subject: Subject) -> Check:
    """Return whether the profile can be read; *subject* has it afterwards."""
    subject.account = account = profiles.get(subject.name)
    who = "an application" if account.is_app_only else account.identity or account.name
    of = "" if who.lower() == account.name.lower() else f"{account.name}: "
    service = urlsplit(account.authority).netloc
    return subject.good("profile", f"{of}{who} signs in at {service}, for the mail at {account.imap}")


def examine_client(subject: Subject) -> Check:
    """Return whether the secret or certificate of a confidential client can be used; no command is run for it."""
    account = subject.profile
    if account.credential is None:
        known = tables.load("clients")["clients"].get(account.client_id)
        name = known["name"] if known else f"the client id {account.client_id}"
        return subject.good("client", f"It signs in as {name}, a public client")
    ends = client_credential.end(account)
    days = None if ends is None else int((ends - time.time()) // _DAY)
    if ends is not None and ends <= time.time():
        where = account.credential["certificate"]
        advice = f"Make a new one, upload it to the application's registration, and put it with its key into {where}"
        again = f"{errors.COMMAND} refresh {errors.quoted(account.name)}"
        meaning = f"Its certificate {where} ended on {time_words.timestamp(ends)}"
        return subject.bad("client", meaning, Remedy(advice, again))
    if set(account.credential) == {"certificate"}:  # with a passphrase a command would have to run
        client_credential.read(account.credential, account.name)
    proof = ", ".join(kind.replace("_", " ") for kind in account.credential)  # a command may hold the secret itself
    is_soon = ends is not None and days is not None and days <= client_credential.SOON
    soon = f", which ends in {time_words.days(days or 0)}: upload another one before" if is_soon else ""
    return subject.good("client", f"It proves itself by its {proof}{soon}")


def examine_store(subject: Subject) -> Check:
    """Return whether the store can be read and written, and has a sign-in."""
    account = subject.profile
    if not account.is_signed_in:
        return subject.untold("store", f"Not tried, because {account.name} signed out")
    if not os.access(account.folder, os.W_OK | os.X_OK):
        reason = OSError(errno.EACCES, os.strerror(errno.EACCES))
        raise errors.cannot_write(account.folder, account.name, reason)
    cache = token_cache.read(account, may_ask=prompt.is_there())
    if cache.refresh_token is None and not account.is_app_only:
        raise profiles.lost(account)
    kind, _, key = account.store.partition(":")
    places = {"file": f"in {account.folder}, which only you can read", "keyring": "in the keyring"}
    return subject.good("store", f"Its secrets are {places.get(kind, f'encrypted for {key}')}")


def examine_sign_in(subject: Subject) -> Check:
    """Return what is known of the sign-in; a refusal is a failure only if it is not tried again now."""
    account = subject.profile
    login = Remedy("", errors.login_command(account.name))
    if not account.is_signed_in:
        return subject.bad("sign-in", f"{account.name} signed out, and nobody has signed in since", login)
    failure = account_state.last_failure(account.folder)
    unused = None if account.is_app_only else account_state.unused_seconds(account.folder)
    days = None if unused is None else int(unused // _DAY)
    longest = account_state.LONGEST_UNUSED
    if subject.offline and days is not None and days >= longest:
        return subject.bad("sign-in", f"It was not used for {days} days, and Microsoft keeps it for {longest}", login)
    if subject.offline and failure is not None and not isinstance(failure, errors.Temporary):
        return of_error("sign-in", failure, account.name)
    facts = [f"Signed in {table.relative(account.signed_in_at)}"]
    if days is not None:
        used = "used today" if days == 0 else f"not used for {time_words.days(days)}"
        facts.append(f"{used}; Microsoft ends it after {longest} days without use")
    if failure is not None:
        facts.append(f"the last refresh failed{f' ({failure.code})' if failure.code else ''}")
    return subject.good("sign-in", "; ".join(facts))
