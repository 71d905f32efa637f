"""
Return an access token of an account: from memory, from the store, or by one refresh under the account's lock.

Nothing here asks a person, prints or opens a browser. Contract §5 says what it promises.
"""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING, TypeAlias

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import account_lock, errors, fresh_token, notices, paths
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.provider import msal_cache
from offlineimap_m365.tokens import token_cache

if TYPE_CHECKING:
    from offlineimap_m365.provider.msal_cache import AccessToken
    from offlineimap_m365.tokens.token_cache import Cache

#: Tokens that live less than they should when issued cause at most one refresh in this many seconds (contract §5.2).
_SHORT_LIVED_PAUSE = 60


@dataclasses.dataclass(frozen=True)
class Wanted:
    """
    How long a token must live: *seconds*, as a preference or (*demand*) as a condition.

    *impatient*: a person waits at a terminal, so a remembered failure does not count. *may_ask*: the person may be
    asked for what opens the store. *instead_of*: a token that will not do, however long it lives (see renew()).
    """

    seconds: int = fresh_token.MARGIN
    demand: bool = False
    impatient: bool = False
    may_ask: bool = False
    instead_of: AccessToken | None = None

    def is_met_by(self, token: AccessToken | None) -> bool:
        """Is *token* good enough to be handed out without a refresh?"""
        if token is None or token == self.instead_of:
            return False
        return token.is_good(self.seconds if self.demand else fresh_token.wish(token.life, self.seconds), time.time())

    def accepts(self, token: AccessToken | None, asked_at: float) -> bool:
        """Is *token* good enough once it was waited for? One that was obtained meanwhile is, for a preference."""
        if self.is_met_by(token):
            return True
        now = time.time()
        if token is None or token == self.instead_of or self.demand or not token.is_good(0, now):
            return False
        is_short_lived = token.life <= fresh_token.MARGIN and now - token.cached_at < _SHORT_LIVED_PAUSE
        return token.cached_at >= int(asked_at) or is_short_lived


@dataclasses.dataclass(frozen=True)
class Obtained:
    """There is a *token*; *unsaved* says why the store did not take it, None if it did or had it already."""

    token: AccessToken
    unsaved: errors.M365Error | None = None


@dataclasses.dataclass(frozen=True)
class Failed:
    """There is no new token; *error* says why."""

    error: errors.M365Error


#: What can come of a refresh.
Outcome: TypeAlias = "Obtained | Failed"

#: What was read or saved last, by the account's directory.
_memory: dict[str, Cache] = {}


def access_token(name: str | None = None, wanted: Wanted | None = None) -> AccessToken:
    """
    Return an access token of the account *name* (None: the only one) that lives as long as is *wanted*.

    If a failure needs a person, the command that ``notify`` set runs once. Raises SignInNeeded, Temporary,
    Misconfigured.
    """
    try:
        return _access_token(name, wanted or Wanted())
    except errors.M365Error as error:
        from offlineimap_m365.tokens import notify  # noqa: PLC0415 - only a failure pays for it

        notify.failed(error, name)
        raise


def renew(name: str, *, may_ask: bool = False) -> Outcome:
    """
    Refresh the account *name* once, however fresh its token is, and return what came of it.

    A token that another process obtains meanwhile will do. *may_ask*: a person may be asked for what opens the store.
    Nobody is notified of a failure. Raises M365Error if the profile or the store cannot be read.
    """
    account = profiles.signed_in(name)
    known = token_cache.read(account, may_ask=may_ask)
    return _refresh(account, known, Wanted(impatient=True, may_ask=may_ask, instead_of=known.access_token))


def peek(account: profiles.Account) -> AccessToken | None:
    """Return the times of the access token in the account's store, without its value; raises M365Error."""
    token = token_cache.read(account).access_token
    return dataclasses.replace(token, value="") if token else None


def refresh_token(name: str | None = None) -> str:
    """Return the refresh token of an account; raises SignInNeeded if there is none, Misconfigured if app-only."""
    account = profiles.signed_in(name)
    if account.is_app_only:
        eval_line = f'oauth2_access_token_eval = get_access_token("{account.name}", 1800)'
        raise errors.Misconfigured(
            f"{account.name} is app-only, and such a sign-in has no refresh token",
            account=account.name,
            remedy=Remedy("Use the access token instead", eval_line, "file"),
        )
    token = token_cache.read(account).refresh_token
    if token is None:
        raise profiles.lost(account)
    return token


def client_secret(name: str | None = None) -> str:
    """Return the client secret of an account, ``""`` for a public client; raises Misconfigured for a certificate."""
    account = profiles.get(name)
    return client_credential.secret(account.credential, account.name)


# From memory to the request and back, in the order in which it happens.


def _access_token(name: str | None, wanted: Wanted) -> AccessToken:
    """Look into memory, then into the store; then refresh."""
    remembered = _memory.get(_folder(name))
    if remembered and remembered.access_token and wanted.is_met_by(remembered.access_token) and _is_current(remembered):
        return remembered.access_token
    account = profiles.signed_in(name)
    known = _remember(token_cache.read(account, may_ask=wanted.may_ask))
    if known.access_token and wanted.is_met_by(known.access_token):
        return known.access_token
    outcome = _refresh(account, known, wanted)
    if isinstance(outcome, Failed):
        return _make_do(outcome.error, known.access_token, wanted)
    if outcome.unsaved:
        notices.say(f"The new token is used but was not saved: {outcome.unsaved.one_line()}")
    if account.credential:
        from offlineimap_m365.tokens import notify  # noqa: PLC0415 - only a confidential client pays for it

        notify.certificate_ends(account)
    return outcome.token


def _refresh(account: profiles.Account, known: Cache, wanted: Wanted) -> Outcome:
    """Wait while another process or thread refreshes, and take what it saved; else refresh under the lock."""
    asked_at, deadline = time.time(), time.monotonic() + account_lock.WAIT

    def read_again() -> Cache:
        """Read profile and store anew: a refresh or a login may have come first."""
        current = profiles.signed_in(account.name)
        return _remember(token_cache.read(current, may_ask=wanted.may_ask, known=known))

    try:
        if not account_lock.take(account.folder):
            known = read_again()
            if known.access_token and wanted.accepts(known.access_token, asked_at):
                return Obtained(known.access_token)
        if account.is_app_only and not os.access(account.folder, os.W_OK):
            return _request(known, wanted)  # no lock can be had, and none is needed: there is no refresh token
        with account_lock.held(account.folder, account.name, deadline - time.monotonic()):
            known = read_again()
            if known.access_token and wanted.accepts(known.access_token, asked_at):
                return Obtained(known.access_token)
            return _request(known, wanted)
    except (errors.Temporary, errors.Misconfigured) as error:  # the lock's, the profile's or the store's
        return Failed(error)


def _request(known: Cache, wanted: Wanted) -> Outcome:
    """Ask the provider once and save what it gives."""
    name, old = known.account.name, known.access_token
    too_short = _too_short(name, old, wanted)
    if old and too_short and 0 <= time.time() - old.cached_at < _SHORT_LIVED_PAUSE:
        return Failed(too_short)
    try:
        data = token_cache.request(known, impatient=wanted.impatient)
    except errors.M365Error as error:
        return Failed(error)
    saved, unsaved = token_cache.save(known, data)
    _remember(saved)
    account_state.succeeded(known.account.folder, "refresh")
    token = msal_cache.issued(data)
    too_short = _too_short(name, token, wanted)
    return Failed(too_short) if too_short else Obtained(token, unsaved)


def _make_do(error: errors.M365Error, known: AccessToken | None, wanted: Wanted) -> AccessToken:
    """Return the *known* token if it lives and will do, with one line; else raise *error*, and a refusal always."""
    now = time.time()
    is_refusal = error.of_client and not isinstance(error, errors.Temporary)
    if is_refusal or wanted.demand or known is None or not known.is_good(0, now):
        raise error
    notices.say(f"{error.one_line()}; the token in use lives for another {known.expires_on - now:.0f} s")
    return known


def _too_short(name: str, token: AccessToken | None, wanted: Wanted) -> errors.Temporary | None:
    """Return the error for a demand that not even a new *token* meets."""
    if token is None or not wanted.demand or token.life >= wanted.seconds:
        return None
    return errors.Temporary(
        f"{name}: its tokens are issued for {token.life} s, and {wanted.seconds} s are demanded",
        account=name,
        remedy=Remedy(f"Ask for at most --min-validity {token.life}"),
    )


# Memory


def _folder(name: str | None) -> str:
    """Return the directory of the account *name*, of the only one for None; an empty text if there are several."""
    if name is not None:
        return paths.folder(name)
    folders = paths.folders()
    return folders[0] if len(folders) == 1 else ""


def _remember(cache: Cache) -> Cache:
    _memory[cache.account.folder] = cache
    return cache


def _is_current(remembered: Cache) -> bool:
    """Is the token still the one in the store? It counts as such while the store cannot be asked (contract §3)."""
    try:
        return remembered.is_current()
    except OSError as error:
        notices.say(f"The store cannot be looked at now ({error.strerror}); the token in memory is used")
        return True
