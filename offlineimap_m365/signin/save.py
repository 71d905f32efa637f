"""
Saves a sign-in: the secrets in the chosen store, and the profile; both or neither.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import account_lock, errors, notices, paths, time_words
from offlineimap_m365.console import prompt
from offlineimap_m365.folders import learned
from offlineimap_m365.plugin import stub
from offlineimap_m365.stores import selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.signin.attempt import SignIn
    from offlineimap_m365.signin.login_request import Plan
    from offlineimap_m365.stores.file import FileStore

#: The id of an organisation (tenant), as in the address of its token service.
_TENANT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: What Microsoft calls a guest: the address at home, its @ replaced (entra-docs, user-properties: UserPrincipalName).
_GUEST = re.compile(r"(?:.*_)?([A-Za-z0-9.-]+)#EXT#@.*", re.IGNORECASE)


def check_store(plan: Plan) -> Plan:
    """
    Check before anybody is asked to sign in that the store can be used and written; return the plan with it settled.

    Raises WrongUsage, Temporary, Misconfigured.
    """
    folder = paths.folder(plan.name)
    with _writing(folder, plan.name):
        store, reason = selection.settle(plan.store, folder, plan.name)
        if reason:
            notices.say(f"Secrets go to the store {store}: {reason}")
        selection.prove(store, folder, plan.name, may_ask=prompt.is_there())
    chosen = {**plan.chosen, "store": store} if "store" in plan.chosen else plan.chosen
    return dataclasses.replace(plan, store=store, chosen=chosen)


def save(plan: Plan, signed_in: SignIn) -> Account:
    """
    Save the sign-in as *plan* says; return the account.

    The secrets come first, so that a crash in between leaves tokens that the profile fits; what another store holds
    is deleted last. Raises Temporary, Misconfigured; then an earlier sign-in stays as it was.
    """
    folder = paths.folder(plan.name)
    store = selection.open_store(plan.store, folder, plan.name, may_ask=prompt.is_there())
    with _writing(folder, plan.name):
        paths.make(folder)
        with account_lock.held(folder, plan.name):
            before = profiles.load(plan.name)  # under the lock: `folders --learn` may have changed it a moment ago
            account = _account(plan, signed_in, before)
            with profiles.prepared(account) as write_profile:
                selection.put(store, signed_in.cache, account.name, _undo(store))
                write_profile()
            account_state.succeeded(folder, "login")
            account_state.note_certificate(folder, signed_in.certificate_ends)
            _empty_others(account)
    try:
        stub.write_stub()
    except OSError as error:
        notices.say(f"{stub.stub_path()}, which OfflineIMAP loads, cannot be written ({error.strerror})")
    return account


def _undo(store: FileStore) -> Callable[[], None]:
    """Return a function that restores what *store* holds now."""
    earlier = None
    with contextlib.suppress(errors.Misconfigured):  # damaged: not worth restoring
        earlier = store.read()

    def undo() -> None:
        with contextlib.suppress(OSError, errors.M365Error):  # the first error counts
            store.delete() if earlier is None else store.write(earlier)

    return undo


def _empty_others(account: Account) -> None:
    """Delete what an earlier sign-in left in other stores; if that fails, the new sign-in counts all the same."""
    try:
        with _writing(account.folder, account.name):
            trouble = selection.empty(account.folder, account.name, but=account.store)
    except errors.M365Error as error:
        trouble = error
    if trouble:
        notices.say(f"An earlier sign-in is still in another store: {trouble.one_line()}")


def _account(plan: Plan, signed_in: SignIn, before: Account | None) -> Account:
    """Return the account as it will be saved, with what was learned *before* and the fields of a later release."""
    tenant, personal = signed_in.person.get("tid"), learned.PERSONAL_TENANT
    imap, smtp = plan.mail_hosts(is_personal=tenant == personal)
    provider = plan.provider
    return profiles.Account(
        name=plan.name,
        client_id=provider.client_id,
        authority=provider.authority,
        scopes=signed_in.scopes or provider.scopes,
        endpoints=dict(provider.endpoints) if provider.endpoints else None,
        imap=imap,
        smtp=smtp,
        redirect_uri=plan.redirect_uri,
        cloud=plan.cloud,
        identity=signed_in.names[0] if signed_in.names else None,
        kind=profiles.APP_ONLY if plan.is_app_only else profiles.DELEGATED,
        credential=dict(provider.credential) if provider.credential else None,
        person={} if plan.is_app_only else signed_in.person,
        tenant=plan.tenant if plan.is_app_only else tenant,
        home_tenant=home_of_guest(signed_in.claims, personal),
        flow=plan.flow,
        store=plan.store,
        signed_in_at=time_words.timestamp(),
        chosen=plan.chosen,
        mailboxes=dict(before.mailboxes) if before else {},
        others=dict(before.others) if before else {},
    )


def home_of_guest(claims: Mapping[str, Any], personal: str) -> str | None:
    """
    Return where a guest is at home: a tenant's id or domain, ``consumers``, or an empty text; None for all others.

    *personal* is the tenant of all personal accounts, whose owners are nobody's guests. Told by *idp*, which differs
    from the tenant for guests only; *acct*, 1 for a guest; or a name with ``#EXT#`` in it (entra-docs:
    id-token-claims-reference, optional-claims-reference).
    """
    tenant, idp = str(claims.get("tid") or "").lower(), str(claims.get("idp", "")).lower()
    if not tenant or tenant == personal:
        return None
    named = _TENANT.search(idp)
    home = named[0] if named else tenant
    if "live.com" in idp:
        home = personal
    if home != tenant:
        return "consumers" if home == personal else home
    names = (_GUEST.fullmatch(str(claims.get(name, ""))) for name in ("upn", "preferred_username"))
    guest = next(filter(None, names), None)
    if guest:
        return guest[1]
    return "" if claims.get("acct") == 1 else None


@contextlib.contextmanager
def _writing(folder: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.cannot_write(folder, name, error) from error
