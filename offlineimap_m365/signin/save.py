"""
Keeps a sign-in: the secrets in the store that was chosen, and the profile, both or none.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

from offlineimap_m365 import stores
from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import environment, errors, notices, paths, runtime
from offlineimap_m365.plugin import stub
from offlineimap_m365.provider.id_token import home_of_guest
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.provider import msal_client
    from offlineimap_m365.signin.login_request import Plan


def make_sure_of_room(plan: Plan) -> Plan:
    """
    Find out before anybody is troubled whether the store can be had and written; return the plan with it settled.

    Raises WrongUsage, Temporary, Misconfigured.
    """
    folder = paths.folder(plan.name)
    try:
        store, why = selection.settle(plan.store, folder, plan.name)
        if why:
            notices.say(f"Secrets rest in the store {store}: {why}")
        selection.prove(store, folder, plan.name, may_ask=environment.at_terminal())
    except OSError as error:
        raise _unwritable(folder, plan.name, error) from error
    except errors.M365Error as error:  # advice to move what is not there yet is advice to choose another store
        moving, choosing = (f"{errors.COMMAND} {words}" for words in ("store {0} --to", "login {0} --store"))
        quoted = errors.quoted(plan.name)
        raise error.replaced(remedy=error.remedy.replace(moving.format(quoted), choosing.format(quoted))) from error
    chosen = {**plan.chosen, "store": store} if "store" in plan.chosen else plan.chosen
    return dataclasses.replace(plan, store=store, chosen=chosen)


def keep(plan: Plan, found: msal_client.SignIn) -> Account:
    """
    Keep the sign-in that was *found* as *plan* says; return the account.

    The secrets come first, so that a crash in between leaves tokens that the profile fits; what lay in another store
    goes last. Raises Temporary, Misconfigured; then an earlier sign-in stays as it was.
    """
    folder = paths.folder(plan.name)
    kept = stores.open_store(plan.store, folder, plan.name, may_ask=environment.at_terminal())
    try:
        paths.make(folder)
        with lock.held(folder, plan.name), kept.reserve():
            before = profiles.load(plan.name)  # under the lock: `folders --learn` may have changed it a moment ago
            account = _account(plan, found, before)
            runtime.forget(account.folder)
            with profiles.prepared(account) as save:
                selection.put(kept, found.cache, account.name, _way_back(before, kept))
                save()
            account_state.succeeded(account.folder, "login")
            account_state.note_certificate(account.folder, found.certificate_ends)
            _empty_others(account)
    except OSError as error:
        raise _unwritable(folder, plan.name, error) from error
    try:
        stub.write_stub()
    except OSError as error:
        notices.say(f"{stub.stub_path()}, which OfflineIMAP loads, cannot be written ({error.strerror})")
    return account


def _way_back(before: Account | None, kept: stores.Store) -> Callable[[], None]:
    """Return what brings back what is in the place of *kept* now, if that is worth it: not damaged, not forgotten."""
    earlier, old = None, kept
    if before is None or selection.kind(before.store) == selection.kind(kept.name):
        if before and before.store != kept.name:  # another key for the same file
            old = stores.open_store(before.store, before.folder, before.name, may_ask=environment.at_terminal())
        with contextlib.suppress(errors.Misconfigured):
            earlier = old.read()

    def undo() -> None:
        with contextlib.suppress(OSError, errors.M365Error):  # what went wrong first is what counts
            if earlier is None:
                old.delete()
            else:
                old.write(earlier)

    return undo


def _empty_others(account: Account) -> None:
    """Forget what an earlier sign-in left in other stores; that it cannot be removed undoes no sign-in."""
    try:
        trouble = selection.empty(account.folder, account.name, but=account.store)
    except OSError as error:
        trouble = _unwritable(account.folder, account.name, error)
    if trouble:
        notices.say(f"What an earlier sign-in left in another store is still there: {trouble.one_line()}")


def _account(plan: Plan, found: msal_client.SignIn, before: Account | None) -> Account:
    """Return the account as it will be kept; what is kept of *before* stays, and fields of a later release."""
    tenant, personal = _text(found.claims.get("tid")), profiles.personal_tenant()
    imap, smtp = plan.mail_hosts(is_personal=tenant == personal)
    return profiles.Account(
        name=plan.name,
        client_id=plan.provider.client_id,
        authority=plan.provider.authority,
        scopes=found.scopes or plan.provider.scopes,
        endpoints=dict(plan.provider.endpoints) if plan.provider.endpoints else None,
        imap=imap,
        smtp=smtp,
        redirect_uri=plan.redirect_uri,
        cloud=plan.cloud,
        identity=found.names[0] if found.names else None,
        kind=profiles.APP_ONLY if plan.is_app_only else profiles.DELEGATED,
        credential=dict(plan.provider.credential) if plan.provider.credential else None,
        person={} if plan.is_app_only else found.person,
        tenant=plan.tenant if plan.is_app_only else tenant,
        home_tenant=home_of_guest(found.claims, personal),
        flow=plan.flow,
        store=plan.store,
        runtime_cache=bool(plan.chosen.get("runtime_cache", True)),
        signed_in_at=profiles.now(),
        chosen=plan.chosen,
        mailboxes=dict(before.mailboxes) if before else {},
        others=dict(before.others) if before else {},
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _unwritable(folder: str, name: str, error: OSError) -> errors.M365Error:
    quoted = errors.quoted(folder)
    return errors.for_oserror(error)(
        f"The sign-in of {name} cannot be saved in {folder} ({error.strerror})",
        account=name,
        meaning="Nothing was kept",
        remedy=f"Look at: df -h {quoted}; ls -ld {quoted}. Then run: {errors.login_command(name)}",
    )
