"""
An account in, a token out, silently: memory, then store, then lock, store again, one refresh, save.

Nothing here asks a person, prints or opens a browser. See contract.md §5 for what it promises.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, NamedTuple

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import errors, fresh_token, notices, paths
from offlineimap_m365.provider import msal_cache
from offlineimap_m365.tokens import lock
from offlineimap_m365.tokens.token_cache import Vault, is_behind, unwritable

if TYPE_CHECKING:
    from offlineimap_m365 import stores

#: Tokens that never live as long as they should cause at most one refresh in this many seconds (contract §5.2).
_SHORT_LIVED_PAUSE = 60


@dataclasses.dataclass(frozen=True)
class Wanted:
    """
    How long a token must live: *seconds*, as a wish or (*demand*) as a condition.

    *impatient*: a person waits at a terminal, so a remembered failure does not count. *may_ask*: the person may be
    asked for what opens the store. *instead_of*: a token that will not do, however long it lives (see renew()).
    """

    seconds: int = fresh_token.MARGIN
    demand: bool = False
    impatient: bool = False
    may_ask: bool = False
    instead_of: msal_cache.AccessToken | None = None

    def is_met_by(self, token: msal_cache.AccessToken, now: float) -> bool:
        """Is *token* good enough to be handed out without a refresh?"""
        if token == self.instead_of:
            return False
        return token.is_good(self.seconds if self.demand else fresh_token.wish(token.life, self.seconds), now)


class _Remembered(NamedTuple):
    token: msal_cache.AccessToken
    generation: tuple[int, ...]
    store: stores.Store


_memory: dict[str, _Remembered] = {}


def access_token(name: str | None = None, wanted: Wanted | None = None) -> msal_cache.AccessToken:
    """
    Return an access token of the account *name* (None: the only one) that lives as long as is *wanted*.

    A failure that needs a person is told to them, once, by the command that ``notify`` set. Raises SignInNeeded,
    Temporary, Misconfigured, and WrongUsage for a demand that no token of the account can meet.
    """
    try:
        return _access_token(name, wanted or Wanted())
    except errors.M365Error as error:
        from offlineimap_m365.tokens import notify  # noqa: PLC0415 - only a failure pays for it

        notify.failed(error, name)
        raise


def _access_token(name: str | None, wanted: Wanted) -> msal_cache.AccessToken:
    folder = _folder(name)
    remembered = _memory.get(folder)
    is_met = remembered is not None and wanted.is_met_by(remembered.token, time.time())
    if remembered and is_met and not is_behind(folder) and _is_unchanged(remembered):
        return remembered.token
    vault = Vault(profiles.signed_in(name), may_ask=wanted.may_ask)
    generation = vault.generation()  # before reading, lest a newer one is taken for what was read
    token = vault.resting()  # counts only as long as the store is as it was, so that need not be read as well
    if token is None:
        token = msal_cache.access_token(vault.read_carefully())
    if token and not vault.is_behind and wanted.is_met_by(token, time.time()):
        return _keep_in_memory(vault, token, generation)
    return _refresh(vault, token, wanted)


def peek(account: profiles.Account) -> msal_cache.AccessToken | None:
    """Return the access token in the account's store, dead or alive, without asking anybody; raises M365Error."""
    return msal_cache.access_token(Vault(account).read())


def renew(name: str, *, may_ask: bool = False) -> msal_cache.AccessToken:
    """
    Refresh once, however fresh the token of the account *name* is, and return what came; raises as access_token().

    *may_ask*: the person may be asked for what opens the store.

    What another process obtains meanwhile counts. A failure is raised though the token in use may live on, and told
    to nobody else: who asks for this looks at what comes.
    """
    known = msal_cache.access_token(Vault(profiles.signed_in(name), may_ask=may_ask).read())
    return _access_token(name, Wanted(impatient=True, may_ask=may_ask, instead_of=known))


def refresh_token(name: str | None = None) -> str:
    """Return the refresh token of an account; raises SignInNeeded if there is none, Misconfigured if app-only."""
    account = profiles.signed_in(name)
    if account.is_app_only:
        raise errors.Misconfigured(
            f"{account.name} is app-only, and such a sign-in has no refresh token",
            account=account.name,
            meaning="Its access token is asked for anew each hour, with its secret or certificate",
            remedy=f'Use that: oauth2_access_token_eval = get_access_token("{account.name}", 1800)',
        )
    found = msal_cache.refresh_token(Vault(account).read_carefully())
    if found is None:
        raise profiles.lost(account)
    return found


def client_secret(name: str | None = None) -> str:
    """Return the client secret of an account, ``""`` for a public client; raises Misconfigured for a certificate."""
    account = profiles.get(name)
    return client_credential.secret(account.credential, account.name)


def _folder(name: str | None) -> str:
    if name is not None:
        return paths.folder(name)
    found = paths.folders()
    return found[0] if len(found) == 1 else ""


def _is_unchanged(remembered: _Remembered) -> bool:
    """Is the token still the one in the store? If the store cannot be asked now, it counts as such (contract §3)."""
    try:
        return remembered.store.generation() == remembered.generation
    except OSError as error:
        notices.say(f"The store cannot be looked at now ({error.strerror}); the token in memory is used")
        return True


def _keep_in_memory(
    vault: Vault, token: msal_cache.AccessToken, generation: tuple[int, ...] | None
) -> msal_cache.AccessToken:
    if generation is not None:
        _memory[vault.account.folder] = _Remembered(token, generation, vault.store)
    return token


def _refresh(vault: Vault, known: msal_cache.AccessToken | None, wanted: Wanted) -> msal_cache.AccessToken:
    """Refresh under the lock; if that cannot be done now, *known* will do as long as it lives."""
    account, asked_at, found = vault.account, time.time(), None
    try:
        while found is None:
            found = _take_turn(vault, wanted, asked_at)
    except FileNotFoundError as error:
        raise profiles.lost(account) from error  # logout --all came first
    except OSError as error:
        if account.is_app_only:
            return _without_lock(vault, wanted, asked_at)
        return _make_do(known, wanted, unwritable(account, error))
    except (errors.Temporary, errors.Misconfigured) as trouble:
        return _make_do(known, wanted, trouble)
    return found


def _take_turn(vault: Vault, wanted: Wanted, asked_at: float) -> msal_cache.AccessToken | None:
    """Refresh under the lock, or take what whoever held it obtained meanwhile; None if that is not enough."""
    account, seen = vault.account, vault.generation()
    try:
        with lock.held(account.folder, account.name, overtaken=lambda: vault.generation() != seen):
            # anew, since a login or logout may have come first: another client id does not fit to its token
            now = profiles.signed_in(account.name)
            current = vault if now == account else Vault(now, may_ask=wanted.may_ask)
            token = _refresh_alone(current, wanted, asked_at)
            _keep_in_memory(current, token, current.generation())
    except lock.Overtaken:
        return _obtained_by_another(vault, wanted, asked_at)
    _tell_of_certificate(account)
    return token


def _obtained_by_another(vault: Vault, wanted: Wanted, asked_at: float) -> msal_cache.AccessToken | None:
    """Return the token that whoever held the lock has just saved, read without the lock, if that is enough."""
    vault = Vault(profiles.signed_in(vault.account.name), may_ask=wanted.may_ask)
    generation = vault.generation()
    token = vault.resting() or msal_cache.access_token(vault.read_carefully())
    if token is None or vault.is_behind or not _is_enough(token, wanted, asked_at):
        return None
    return _keep_in_memory(vault, token, generation)


def _make_do(known: msal_cache.AccessToken | None, wanted: Wanted, trouble: errors.M365Error) -> msal_cache.AccessToken:
    """Return the token that is *known* if it lives and *trouble* is the network's or the store's; else raise that."""
    is_passing = isinstance(trouble, errors.Temporary)
    is_ours = isinstance(trouble, errors.Misconfigured) and not trouble.of_client
    lives = known is not None and known.is_good(0, time.time())
    if known is None or known == wanted.instead_of or not lives or wanted.demand or not (is_passing or is_ours):
        raise trouble
    notices.say(f"{trouble.one_line()}; the token in use lives for another {known.expires_on - time.time():.0f} s")
    return known


def _without_lock(vault: Vault, wanted: Wanted, asked_at: float) -> msal_cache.AccessToken:
    """Obtain an app-only token where nothing can be written: no refresh token is lost, so it costs a request only."""
    data = vault.read()
    token = msal_cache.access_token(data)
    if token is None or not _is_enough(token, wanted, asked_at):
        token = msal_cache.access_token(_obtain(vault, data, impatient=wanted.impatient))
    if token is None:
        raise _without_token(vault.account.name)
    return token


def _tell_of_certificate(account: profiles.Account) -> None:
    """Tell a person once that the certificate of an account, which was just used, ends soon."""
    ends = account_state.certificate_ends(account.folder) if account.credential else None
    if ends is not None:
        from offlineimap_m365.tokens import notify  # noqa: PLC0415 - only certificates pay for it

        notify.certificate_ends(account, int((ends - time.time()) // 86_400), profiles.timestamp(ends))


def _without_token(name: str) -> errors.M365Error:
    return errors.M365Error(
        f"{name}: a refresh left no access token",
        account=name,
        remedy=f"That is a bug. Report it; until then: {errors.login_command(name)}",
    )


def _refresh_alone(vault: Vault, wanted: Wanted, asked_at: float) -> msal_cache.AccessToken:
    """Refresh while holding the lock, unless somebody else just did."""
    name = vault.account.name
    vault.take_up()
    data = vault.read(may_set_aside=True)
    if vault.is_behind and data is not None:
        vault.save(data)
    token = msal_cache.access_token(data)
    if token and _is_enough(token, wanted, asked_at):
        return token
    if token and wanted.demand and 0 <= time.time() - token.cached_at < _SHORT_LIVED_PAUSE:
        _check_demand(name, token, wanted)
    token = msal_cache.access_token(_obtain(vault, data, impatient=wanted.impatient))
    account_state.succeeded(vault.account.folder, "refresh")
    if token is None:
        raise _without_token(name)
    if wanted.demand:
        _check_demand(name, token, wanted)
    return token


def _check_demand(name: str, token: msal_cache.AccessToken, wanted: Wanted) -> None:
    """Refuse a demand that *token*, issued a moment ago, could not meet when it was new."""
    if token.life < wanted.seconds:
        raise errors.WrongUsage(
            f"{name}: its tokens never live for {wanted.seconds} s, but for {token.life} s",
            account=name,
            remedy=f"Ask for less than --min-validity {token.life}",
        )


def _is_enough(token: msal_cache.AccessToken, wanted: Wanted, asked_at: float) -> bool:
    """Is a token found under the lock good enough? Who waited takes what was obtained meanwhile (contract §5.2)."""
    now = time.time()
    if wanted.is_met_by(token, now):
        return True
    if wanted.demand or token == wanted.instead_of or not token.is_good(0, now):
        return False
    obtained_meanwhile = token.cached_at >= int(asked_at)
    is_short_lived = token.life <= fresh_token.MARGIN and now - token.cached_at < _SHORT_LIVED_PAUSE
    return obtained_meanwhile or is_short_lived


def _obtain(vault: Vault, data: bytes | None, *, impatient: bool, again: bool = True) -> bytes:
    """Redeem the refresh token in *data* and save what comes, unless it was refused a short time ago."""
    account, folder = vault.account, vault.account.folder
    used = msal_cache.refresh_token(data)
    if not account.is_app_only and (data is None or used is None):
        raise profiles.lost(account)
    proof = _proof(account)
    tried = (used or account.client_id) + (proof.fingerprint if proof else "")  # a renewed secret is tried at once
    remembered = None if impatient else account_state.last_failure(folder, tried)
    if remembered:
        raise remembered
    # Without a refresh token nothing is lost where an answer cannot be saved.
    with contextlib.nullcontext() if account.is_app_only else vault.reserve():
        try:
            fresh = _exchange(account, data or b"", proof)
        except errors.M365Error as error:
            may_differ = again and isinstance(error, errors.SignInNeeded) and not account.is_app_only
            newer = vault.read() if may_differ else None
            if newer is None or msal_cache.refresh_token(newer) in (used, None):
                account_state.remember(folder, error, tried)
                raise
        else:
            vault.save(fresh)
            account_state.note_certificate(folder, proof.ends if proof else None)
            return fresh
    # A machine without a common lock was faster: what it got is the newer one, and tried once.
    token = msal_cache.access_token(newer)
    if token and token.is_good(fresh_token.MARGIN, time.time()):
        return newer
    return _obtain(vault, newer, impatient=True, again=False)


def _proof(account: profiles.Account) -> client_credential.Proof | None:
    try:
        return client_credential.read(account.credential, account.name)
    except errors.Misconfigured as error:
        error.of_client = True
        raise


def _exchange(account: profiles.Account, data: bytes, proof: client_credential.Proof | None) -> bytes:
    from offlineimap_m365.provider import msal_client  # noqa: PLC0415 - MSAL takes 200 ms to import; only who refreshes pays

    try:
        if account.is_app_only and proof is not None:
            return msal_client.obtain(msal_client.Provider.of(account), account.name, proof)
        return msal_client.refresh(account, data, proof)
    except errors.Misconfigured as error:
        error.of_client = True
        raise
