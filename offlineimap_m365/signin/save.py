"""
Saves a sign-in: the secrets in the chosen store, and the profile; both or neither.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import account_lock, environment, errors, notices, paths, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.plugin import stub
from offlineimap_m365.stores import selection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.signin.attempt import SignIn
    from offlineimap_m365.signin.login_request import Plan
    from offlineimap_m365.stores.file import FileStore


#: The token service of an organisation, as the claim *idp* names where a guest is at home.
_AT_HOME = re.compile(r"https://(?:sts\.windows\.net|login\.[a-z.]+)/([0-9a-f-]{36})(?:/|/v2\.0)?", re.IGNORECASE)
#: What Microsoft calls a guest: the address at home, its @ replaced (entra-docs, user-properties: UserPrincipalName).
_EXTERNAL = re.compile(r"(?:.*_)?([A-Za-z0-9.-]+)#EXT#@.*", re.IGNORECASE)
#: The claim *idp* of a person with a personal account, and of guests who are at home in no organisation of Microsoft's.
_PERSONAL, _STRANGERS = frozenset({"live.com", "https://login.live.com"}), frozenset({"mail", "google.com"})


def check_store(plan: Plan) -> Plan:
    """
    Check before anybody is asked to sign in that the store can be used and written; return the plan with it settled.

    Raises WrongUsage, Temporary, Misconfigured.
    """
    folder = paths.folder(plan.name)
    try:
        store, reason = selection.settle(plan.store, folder, plan.name)
        if reason:
            notices.say(f"Secrets go to the store {store}: {reason}")
        selection.prove(store, folder, plan.name, may_ask=environment.at_terminal())
    except OSError as error:
        raise _unwritable(folder, plan.name, error) from error
    chosen = {**plan.chosen, "store": store} if "store" in plan.chosen else plan.chosen
    return dataclasses.replace(plan, store=store, chosen=chosen)


def save(plan: Plan, signed_in: SignIn) -> Account:
    """
    Save the sign-in as *plan* says; return the account.

    The secrets come first, so that a crash in between leaves tokens that the profile fits; what another store holds
    is deleted last. Raises Temporary, Misconfigured; then an earlier sign-in stays as it was.
    """
    folder = paths.folder(plan.name)
    store = selection.open_store(plan.store, folder, plan.name, may_ask=environment.at_terminal())
    try:
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
    except OSError as error:
        raise _unwritable(folder, plan.name, error) from error
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
        trouble = selection.empty(account.folder, account.name, but=account.store)
    except OSError as error:
        trouble = _unwritable(account.folder, account.name, error)
    if trouble:
        notices.say(f"An earlier sign-in is still in another store: {trouble.one_line()}")


def _account(plan: Plan, signed_in: SignIn, before: Account | None) -> Account:
    """Return the account as it will be saved, with what was learned *before* and the fields of a later release."""
    tenant, personal = _text(signed_in.claims.get("tid")), profiles.personal_tenant()
    imap, smtp = plan.mail_hosts(is_personal=tenant == personal)
    return profiles.Account(
        name=plan.name,
        client_id=plan.provider.client_id,
        authority=plan.provider.authority,
        scopes=signed_in.scopes or plan.provider.scopes,
        endpoints=dict(plan.provider.endpoints) if plan.provider.endpoints else None,
        imap=imap,
        smtp=smtp,
        redirect_uri=plan.redirect_uri,
        cloud=plan.cloud,
        identity=signed_in.names[0] if signed_in.names else None,
        kind=profiles.APP_ONLY if plan.is_app_only else profiles.DELEGATED,
        credential=dict(plan.provider.credential) if plan.provider.credential else None,
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
    tenant, idp = str(claims.get("tid", "")), str(claims.get("idp", ""))
    if not tenant or tenant == personal:
        return None
    if idp.lower() in _PERSONAL:
        return "consumers"
    elsewhere = _AT_HOME.fullmatch(idp)
    if elsewhere and elsewhere.group(1).lower() != tenant.lower():
        return _named(elsewhere.group(1), personal)
    names = (_EXTERNAL.fullmatch(str(claims.get(name, ""))) for name in ("upn", "preferred_username"))
    external = next(filter(None, names), None)
    if external:
        return external.group(1)
    return "" if claims.get("acct") == 1 or idp.lower() in _STRANGERS else None


def _named(tenant: str, personal: str) -> str:
    """Return ``consumers`` for the tenant of all personal accounts, any other as it is."""
    return "consumers" if tenant.lower() == personal else tenant


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _unwritable(folder: str, name: str, error: OSError) -> errors.M365Error:
    full = {errno.ENOSPC: "The disk is full", errno.EDQUOT: "Your disk quota is used up"}.get(error.errno or 0)
    remedy = Remedy(full, errors.login_command(name)) if full else Remedy("", f"ls -ld {errors.quoted(folder)}")
    return errors.for_oserror(error)(
        f"The sign-in of {name} cannot be saved in {folder} ({error.strerror})",
        account=name,
        meaning="Nothing was saved",
        remedy=remedy,
    )
