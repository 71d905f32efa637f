"""
A person signs in. The only way to wait for a human; nothing is kept before it is known who that was.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, client_credential
from offlineimap_m365.base import errors, paths
from offlineimap_m365.provider import msal_client, next_step
from offlineimap_m365.signin import browser, flows, save
from offlineimap_m365.tokens import lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.signin.flows import Person
    from offlineimap_m365.signin.login_request import Plan


def sign_in(plan: Plan, person: Person, timeout: float) -> Account:
    """
    Let a person sign in as *plan* says, within *timeout* seconds, and keep it; return the account.

    Raises SignInNeeded if it was cancelled, refused, timed out or somebody else signed in; Temporary; Misconfigured.
    Then nothing is kept, and an earlier sign-in stays as it was.
    """
    plan = save.make_sure_of_room(plan)
    for remark in plan.remarks:
        person.say(errors.printable(remark))
    if plan.is_app_only:
        return save.keep(plan, _as_application(plan))
    demand = account_state.demand(paths.folder(plan.name))
    while True:
        try:
            account = _attempt(plan, person, time.monotonic() + timeout, demand)
        except errors.SignInNeeded as error:
            challenge = account_state.usable_claims(error.claims)
            if challenge in (None, demand.claims) or not _goes_on(error, person):
                raise
            demand = account_state.Demand(challenge, demand.prompt)
            continue
        if account is not None:
            return account
        demand = account_state.Demand(demand.claims, "select_account")


def _as_application(plan: Plan) -> msal_client.SignIn:
    """Ask for a token of the application's own, which proves its secret or certificate."""
    proof = client_credential.read(plan.provider.credential, plan.name)
    if proof is None:
        raise AssertionError  # plan.make() refuses that
    return msal_client.SignIn({}, msal_client.obtain(plan.provider, plan.name, proof), certificate_ends=proof.ends)


def _goes_on(error: errors.M365Error, person: Person) -> bool:
    """Ask whether to sign in once more at once with the proof that is missing; without a terminal nobody can."""
    question = f"{error.fact}: it wants another proof, which it will ask for now. Go on?"
    return person.choose(question, {"y": "yes", "a": "abort"}, "a") == "y"


def take_over(plan: Plan, refresh_token: str, again: str) -> Account:
    """
    Keep a sign-in that another program made, proved by one refresh; return the account.

    *again* is the command that would try it once more. Raises SignInNeeded if it is refused or somebody else's,
    Temporary, Misconfigured; then nothing is kept.
    """
    if plan.is_app_only:
        raise errors.WrongUsage(
            f"{plan.name} is app-only, and such a sign-in has no refresh token that could be taken over",
            remedy="For a person's sign-in leave out what was chosen before: add --defaults",
        )
    plan = save.make_sure_of_room(plan)
    found = msal_client.Attempt(plan.provider, plan.name, is_personal=plan.is_personal).adopt(refresh_token)
    if not _was_meant(plan, found):
        raise _somebody_else(plan, found, again)
    return save.keep(plan, found)


@contextlib.contextmanager
def trouble_told(name: str) -> Iterator[None]:
    """Let what can be tried again name the account, and ``login`` as what to try: there may be nothing to refresh."""
    try:
        yield
    except errors.Temporary as error:
        again = f"{errors.COMMAND} login {shlex.quote(name)}"
        remedy = error.remedy.replace(f"{errors.COMMAND} refresh {shlex.quote(name)}", again)
        then = "; then" if re.search(r"\b(?:Run|Try): ", remedy) else ""
        raise errors.Temporary(
            error.fact if name in error.fact else f"{name} cannot sign in now: {error.fact}",
            account=name,
            meaning=error.meaning,
            remedy=remedy if errors.COMMAND in remedy else f"{remedy.rstrip('.') or 'Try again'}{then}: {again}",
            code=error.code,
            correlation_id=error.correlation_id,
            time=error.time,
        ) from error


def _attempt(plan: Plan, person: Person, deadline: float, demand: account_state.Demand) -> Account | None:
    """Return the account as it is kept, or None to try again with the account chooser."""
    attempt = msal_client.Attempt(plan.provider, plan.name, claims=demand.claims, is_personal=plan.is_personal)
    with contextlib.ExitStack() as stack:
        with _advised(plan):
            source = stack.enter_context(flows.begin(plan, attempt, person, demand.prompt))
        landing = source.listener
        try:
            with _advised(plan):
                found = flows.wait(plan, attempt, source, person, deadline)
            # Kept before the browser is told: a disk may be full, and then nobody is signed in.
            account = save.keep(plan, found) if _judge(plan, found, person) else None
        except errors.M365Error as error:
            if landing:
                landing.finish(ok=False, title="Not signed in", text="\n".join(error.lines()))
            raise
        if landing:
            title, text = _landing(account)
            landing.finish(ok=account is not None, title=title, text=text)
        return account


@contextlib.contextmanager
def _advised(plan: Plan) -> Iterator[None]:
    """Let a refusal of Microsoft's say what to try next, and remember which way it was and what it demands."""
    try:
        yield
    except errors.M365Error as error:
        if error.code is None or isinstance(error, errors.Temporary):
            raise
        folder, client_id = paths.folder(plan.name), plan.provider.client_id
        tried = account_state.tried(folder, client_id)
        if Path(folder).is_dir():  # of a first login nothing is kept, or else a mistyped address would stay for ever
            with contextlib.suppress(OSError, errors.M365Error), lock.held(folder, plan.name):
                flow = plan.flow if next_step.is_about_the_way(error) else None
                account_state.refused_login(folder, error, flow=flow, client_id=client_id)
        raise next_step.after_refusal(error, plan.way, tried, has_browser=browser.is_there()) from error


def _landing(account: Account | None) -> tuple[str, str]:
    """Return title and text of the last page; without an *account* somebody else signed in."""
    if account is None:
        return "Somebody else signed in", "Go back to the terminal to try again."
    return "Signed in", f"{account.name} is signed in.\nThis window can be closed; the terminal says what comes next."


def _judge(plan: Plan, found: msal_client.SignIn, person: Person) -> bool:
    """
    Decide whether who signed in is who was meant: True to keep it, False to try again.

    The first login goes by names, later ones by the person's ids. Raises SignInNeeded to abort.
    """
    if _was_meant(plan, found):
        if _has_moved(plan, found):
            person.say(f"{plan.name} belongs to another organisation than last time; who signed in has the same name.")
        return True
    who = _who(found)
    question = f"{who} signed in, and {plan.hint} was meant. Keep {who} for {plan.name}?"
    choice = person.choose(question, {"k": "keep", "t": "try again as another", "a": "abort"}, "a")
    if choice == "k":
        return True
    if choice == "t":
        return False
    raise _somebody_else(plan, found, plan.again)


def _was_meant(plan: Plan, found: msal_client.SignIn) -> bool:
    """Is it by the ids of the last login, or by the names at a first one, who was meant?"""
    names = [name.casefold() for name in found.names]
    is_known = bool(plan.person) and plan.person.keys() == found.person.keys()
    if not is_known:
        return plan.hint.casefold() in names
    return found.person == plan.person or _has_moved(plan, found)


def _has_moved(plan: Plan, found: msal_client.SignIn) -> bool:
    """
    Is it the same name in another organisation, and that the one which was asked: a mailbox that moved?

    All ids are new then. Whoever owns the domain now gives out the names in it and owns the mailbox, so it is safe to
    believe a sign-in name, though not the claim *email*, which any organisation can fill in; and not a page where
    everybody may sign in. In the same organisation another person under the old name is another person.
    """
    tenant = found.person.get("tid", "")
    names = {str(found.claims.get(claim, "")).casefold() for claim in ("preferred_username", "upn")}
    return (
        bool(tenant and plan.person.get("tid"))
        and tenant != plan.person.get("tid")
        and plan.provider.authority.endswith(f"/{tenant}")
        and bool(names & {plan.hint.casefold(), plan.name.casefold()})
    )


def _who(found: msal_client.SignIn) -> str:
    return errors.printable(found.names[0] if found.names else "Somebody without a name")


def _somebody_else(plan: Plan, found: msal_client.SignIn, again: str) -> errors.SignInNeeded:
    who = _who(found)
    return errors.SignInNeeded(
        f"{who} signed in, and {plan.hint} was meant" + (f" for {plan.name}" if plan.hint != plan.name else ""),
        account=plan.name,
        meaning="Nothing was kept",
        remedy=f"If {who} opens this mailbox, run: {again} --identity {shlex.quote(who)}",
    )
