"""
An account in, a token out, silently: memory, then store, then lock, store again, one refresh, save.

Nothing here asks a person, prints or opens a browser. See contract.md §5 for what it promises.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from typing import Any, NamedTuple

from offlineimap_m365 import accounts, errors, history, home, lock, notices, store, warm

#: Tokens that live less than 300 s when issued cause at most one refresh in this many seconds (contract §5.2).
_SHORT_LIVED_PAUSE = 60


class AccessToken(NamedTuple):
    """An access token, and when it was issued and expires in seconds since 1970."""

    value: str
    cached_at: int
    expires_on: int

    @property
    def life(self) -> int:
        """How many seconds it lived when issued."""
        return self.expires_on - self.cached_at

    def is_good(self, margin: int, now: float) -> bool:
        """Does it live for *margin* seconds more, and is it not of this clock's future?"""
        return self.cached_at <= now + warm.SKEW and now + margin <= self.expires_on


@dataclasses.dataclass(frozen=True)
class Wanted:
    """
    How long a token must live: *seconds*, as a wish or (*demand*) as a condition.

    *impatient*: a person waits at a terminal, so a remembered failure does not count.
    """

    seconds: int = warm.MARGIN
    demand: bool = False
    impatient: bool = False

    def is_met_by(self, token: AccessToken, now: float) -> bool:
        """Is *token* good enough to be handed out without a refresh?"""
        if self.demand:
            return token.is_good(self.seconds, now)
        return token.is_good(min(self.seconds, max(warm.MARGIN, token.life // 2)), now)


class _Remembered(NamedTuple):
    token: AccessToken
    generation: tuple[int, ...] | None
    store: store.Store


_memory: dict[str, _Remembered] = {}
#: Caches that a provider gave and a full disk refused, with the generation of the store that they belong on top of.
_unsaved: dict[str, tuple[tuple[int, ...] | None, bytes]] = {}


def access_token(name: str | None = None, wanted: Wanted | None = None) -> AccessToken:
    """
    Return an access token of the account *name* (None: the only one) that lives as long as is *wanted*.

    Raises SignInNeeded, Temporary, Misconfigured, and WrongUsage for a demand that no token of the account can meet.
    """
    wanted = wanted or Wanted()
    folder = _folder(name)
    remembered = _memory.get(folder)
    if (
        remembered
        and wanted.is_met_by(remembered.token, time.time())
        and remembered.store.generation() == remembered.generation
    ):
        return remembered.token
    account = _signed_in(name)
    kept = store.open_store(account.store, account.folder)
    token = _token_in(_read_or_set_aside(account, kept))
    if token and folder not in _unsaved and wanted.is_met_by(token, time.time()):
        return _keep_in_memory(account, kept, token)
    return _refresh(account, kept, token, wanted)


def peek(account: accounts.Account) -> AccessToken | None:
    """Return the access token in the account's store, dead or alive, without asking anybody; raises Misconfigured."""
    return _token_in(_read(account, store.open_store(account.store, account.folder)))


def refresh_token(name: str | None = None) -> str:
    """Return the refresh token of an account; raises SignInNeeded if there is none."""
    account = _signed_in(name)
    found = _refresh_token_in(_read_or_set_aside(account, store.open_store(account.store, account.folder)))
    if found is None:
        raise _lost(account)
    return found


def _folder(name: str | None) -> str:
    if name is not None:
        return home.folder(name)
    found = home.folders()
    return found[0] if len(found) == 1 else ""


def _signed_in(name: str | None) -> accounts.Account:
    account = accounts.get(name)
    if not account.is_signed_in:
        raise accounts.not_signed_in(account.name)
    return account


def _lost(account: accounts.Account) -> errors.SignInNeeded:
    return accounts.not_signed_in(account.name, f"The sign-in of {account.name} is no longer in its store")


def _keep_in_memory(account: accounts.Account, kept: store.Store, token: AccessToken) -> AccessToken:
    _memory[account.folder] = _Remembered(token, kept.generation(), kept)
    return token


def _refresh(account: accounts.Account, kept: store.Store, known: AccessToken | None, wanted: Wanted) -> AccessToken:
    asked_at = time.time()
    try:
        with lock.held(account.folder, account.name):
            return _keep_in_memory(account, kept, _refresh_alone(account, kept, wanted, asked_at))
    except OSError as error:
        trouble = _store_trouble(account, error)
    except errors.Temporary as error:
        trouble = error
    if known is None or wanted.demand or not known.is_good(0, time.time()):
        raise trouble
    notices.say(f"{trouble.one_line()}; the token in use lives for another {known.expires_on - time.time():.0f} s")
    return known


def _refresh_alone(account: accounts.Account, kept: store.Store, wanted: Wanted, asked_at: float) -> AccessToken:
    """Refresh while holding the lock, unless somebody else just did."""
    data = _read(account, kept, may_set_aside=True)
    if account.folder in _unsaved:
        _save(account, kept, data or b"")
    token = _token_in(data)
    if token and _is_enough(token, wanted, asked_at):
        return token
    token = _token_in(_obtain(account, kept, data, impatient=wanted.impatient))
    history.succeeded(account.folder, "refresh")
    if token is None:
        raise errors.M365Error(f"{account.name}: a refresh left no access token", account=account.name)
    if wanted.demand and token.life < wanted.seconds:
        raise errors.WrongUsage(
            f"{account.name}: its tokens never live for {wanted.seconds} s, but for {token.life} s",
            account=account.name,
            remedy=f"Ask for less than --min-validity {token.life}",
        )
    return token


def _obtain(account: accounts.Account, kept: store.Store, data: bytes | None, *, impatient: bool) -> bytes:
    """Redeem the refresh token in *data* and save what comes, unless it was refused a short time ago."""
    used = _refresh_token_in(data)
    if data is None or used is None:
        raise _lost(account)
    remembered = None if impatient else history.last_failure(account.folder, used)
    if remembered:
        raise remembered
    with kept.reserve():
        try:
            fresh = _exchange(account, data)
        except errors.M365Error as error:
            faster = _read(account, kept)
            if isinstance(error, errors.SignInNeeded) and _refresh_token_in(faster) not in (used, None):
                # another machine without a common lock was faster: its refresh token is the newer one
                return _obtain(account, kept, faster, impatient=True)
            history.remember(account.folder, error, used)
            raise
        _save(account, kept, fresh)
    return fresh


def _exchange(account: accounts.Account, data: bytes) -> bytes:
    from offlineimap_m365 import entra  # noqa: PLC0415 - MSAL takes 200 ms to import; only who refreshes pays

    return entra.refresh(account, data)


def _is_enough(token: AccessToken, wanted: Wanted, asked_at: float) -> bool:
    """Is a token found under the lock good enough? Who waited takes what was obtained meanwhile (contract §5.2)."""
    now = time.time()
    if wanted.is_met_by(token, now):
        return True
    if wanted.demand or not token.is_good(0, now):
        return False
    obtained_meanwhile = token.cached_at >= int(asked_at)
    is_short_lived = token.life < warm.MARGIN and now - token.cached_at < _SHORT_LIVED_PAUSE
    return obtained_meanwhile or is_short_lived


def _save(account: accounts.Account, kept: store.Store, data: bytes) -> None:
    """Save what the provider gave; if that fails, keep it in memory: the old refresh token may be worth nothing now."""
    try:
        kept.write(data)
    except OSError as error:
        _unsaved[account.folder] = (kept.generation(), data)
        notices.say(_store_trouble(account, error).one_line() + "; the new token is kept in memory for now")
    else:
        _unsaved.pop(account.folder, None)


def _store_trouble(account: accounts.Account, error: OSError) -> errors.M365Error:
    kind = errors.Temporary if error.errno in store.PASSING else errors.Misconfigured
    return kind(
        f"{account.name}: its sign-in cannot be saved in {account.folder} ({error.strerror})",
        account=account.name,
        remedy=f"Look at: df -h {account.folder}; ls -ld {account.folder}",
    )


def _read_or_set_aside(account: accounts.Account, kept: store.Store) -> bytes | None:
    """Read without the lock; if what is found is broken, look again with it, since only then it may be moved."""
    try:
        return _read(account, kept)
    except errors.Misconfigured:
        with contextlib.suppress(OSError), lock.held(account.folder, account.name):
            return _read(account, kept, may_set_aside=True)
        raise


def _read(account: accounts.Account, kept: store.Store, *, may_set_aside: bool = False) -> bytes | None:
    """Return the account's cache; a broken one is set aside under the lock and never "no accounts"."""
    unsaved = _unsaved.get(account.folder)
    if unsaved:
        if unsaved[0] == kept.generation():
            return unsaved[1]
        _unsaved.pop(account.folder)  # somebody else saved something newer
    try:
        data = kept.read()
    except OSError as error:
        raise _unreadable(account, error) from error
    if data is None:
        return None
    try:
        _parse(data)
    except ValueError as error:
        where = ""
        if may_set_aside and isinstance(kept, store.FileStore):
            where = f"; it was set aside as {kept.set_aside()}"
        raise errors.Misconfigured(
            f"The stored sign-in of {account.name} is damaged{where}",
            account=account.name,
            remedy=f"Run: {errors.COMMAND} login {account.name}",
        ) from error
    return data


def _unreadable(account: accounts.Account, error: OSError) -> errors.M365Error:
    kind = errors.Temporary if error.errno in store.PASSING else errors.Misconfigured
    return kind(
        f"The stored sign-in of {account.name} cannot be read ({error.strerror})",
        account=account.name,
        remedy=f"Look at: ls -l {account.folder}",
    )


def _parse(data: bytes) -> dict[str, Any]:
    cache = json.loads(data)
    warm.pick(cache)
    return dict(cache)


def _token_in(data: bytes | None) -> AccessToken | None:
    entry = warm.pick(_parse(data)) if data else None
    if entry is None:
        return None
    return AccessToken(str(entry["secret"]), int(entry["cached_at"]), int(entry["expires_on"]))


def _refresh_token_in(data: bytes | None) -> str | None:
    """Return the newest refresh token of a cache."""
    found = list(_parse(data).get("RefreshToken", {}).values()) if data else []
    found.sort(key=lambda entry: int(entry.get("last_modification_time") or 0))
    return str(found[-1]["secret"]) if found else None
