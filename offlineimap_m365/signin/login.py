"""
Lets a person sign in. Nothing is saved before it is known who that was.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import account_state, client_credential
from offlineimap_m365.base import account_lock, errors, paths, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console import prompt
from offlineimap_m365.knowledge import next_step
from offlineimap_m365.provider import msal_client
from offlineimap_m365.signin import browser, flows, login_options, save, tenant_discovery
from offlineimap_m365.signin.attempt import Attempt, SignIn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.signin.login_request import Plan


def sign_in(plan: Plan, timeout: float) -> Account:
    """
    Let a person sign in as *plan* says, within *timeout* seconds, and save it; return the account.

    Raises SignInNeeded if it was cancelled, refused, timed out or somebody else signed in; Temporary; Misconfigured.
    Then nothing is saved, and an earlier sign-in stays as it was.
    """
    _question_typo(plan)
    plan = save.check_store(plan)
    for remark in plan.remarks:
        prompt.say(remark)
    if plan.is_app_only:
        return save.save(plan, _as_application(plan))
    demand = account_state.demand(paths.folder(plan.name))
    account = None
    while account is None:
        account, demand = _attempt_as_demanded(plan, time.monotonic() + timeout, demand)
    return account


def _attempt_as_demanded(
    plan: Plan, deadline: float, demand: account_state.Demand
) -> tuple[Account | None, account_state.Demand]:
    """Return the account if somebody signed in, and what the next attempt must prove or ask."""
    try:
        return _attempt(plan, deadline, demand), account_state.Demand(demand.claims, "select_account")
    except errors.SignInNeeded as error:
        claims = account_state.usable_claims(error.claims)
        question = f"{error.fact}: it wants another proof, which it will ask for now. Continue?"
        if claims in (None, demand.claims) or prompt.choose(question, {"y": "yes", "a": "abort"}, "a") != "y":
            raise
        return None, account_state.Demand(claims, demand.prompt)


def _question_typo(plan: Plan) -> None:
    """Ask whether an address is right that looks like a typing error; without a terminal it must be an address."""
    whole = Remedy("Give the whole mail address")
    if plan.doubt and prompt.is_there():
        if prompt.choose(f"{plan.doubt}. Sign in all the same?", {"y": "yes", "n": "no"}, "n") != "y":
            raise errors.SignInNeeded(f"The sign-in to {plan.name} was cancelled", account=plan.name, remedy=whole)
    elif plan.doubt and "@" not in plan.name:
        raise errors.WrongUsage(plan.doubt, remedy=whole)


def _as_application(plan: Plan) -> SignIn:
    """Ask for a token of the application's own, which proves its secret or certificate."""
    proof = client_credential.read(plan.provider.credential, plan.name)
    if proof is None:
        raise AssertionError  # login_request.make() refuses that
    return SignIn({}, msal_client.obtain(plan.provider, plan.name, proof), certificate_ends=proof.ends)


def take_over(plan: Plan, refresh_token: str, again: str) -> Account:
    """
    Save a sign-in that another program made, proved by one refresh; return the account.

    *again* is the command that would try it once more. Raises SignInNeeded if it is refused or is another person's,
    Temporary, Misconfigured; then nothing is saved.
    """
    if plan.is_app_only:
        raise errors.WrongUsage(
            f"{plan.name} is app-only, and such a sign-in has no refresh token that could be imported",
            remedy=Remedy("For a person's sign-in drop what was chosen before: add --defaults"),
        )
    plan = save.check_store(plan)
    signed_in = Attempt(plan.provider, plan.name, is_personal=plan.is_personal).adopt(refresh_token)
    if not _was_meant(plan, signed_in):
        raise _somebody_else(plan, signed_in, again)
    return save.save(plan, signed_in)


@contextlib.contextmanager
def naming(name: str, typed: Mapping[str, Any], again: str) -> Iterator[None]:
    """
    Let each error name the account *name*, and a command that has the options *typed*: nothing is saved of a failure.

    What can be tried again names the command *again*, not a refresh.
    """
    try:
        yield
    except errors.M365Error as error:
        advice, where = error.remedy.advice, error.remedy.where
        command = login_options.repeat(error.remedy.command, typed)
        if isinstance(error, errors.Temporary):
            advice = advice or "Try again"
            if command in (None, f"{errors.COMMAND} refresh {errors.quoted(name)}"):
                command, where = again, "shell"
        fact = error.fact if name in error.fact else f"{name} cannot sign in now: {error.fact}"
        raise error.replaced(fact=fact, account=name, remedy=Remedy(advice, command, where)) from error


def _attempt(plan: Plan, deadline: float, demand: account_state.Demand) -> Account | None:
    """Return the account as it was saved, or None to try again with the account chooser."""
    attempt = Attempt(plan.provider, plan.name, claims=demand.claims, is_personal=plan.is_personal)
    with contextlib.ExitStack() as stack:
        with _advised(plan):
            waiting = stack.enter_context(flows.begin(plan, attempt, demand.prompt))
        page = None
        try:
            with _advised(plan):
                signed_in = flows.wait(plan, attempt, waiting, deadline)
            # Saved before the browser is told: if the disk is full, nobody is signed in.
            account = save.save(plan, signed_in) if _is_accepted(plan, signed_in) else None
        except errors.M365Error as error:
            page = (False, "Not signed in", "\n".join(error.lines()))
            raise
        else:
            page = (False, "Somebody else signed in", "Go back to the terminal to try again.")
            if account:
                text = f"{account.name} is signed in.\nYou can close this window; the terminal says what comes next."
                page = (True, "Signed in", text)
            return account
        finally:
            if waiting.listener and page:
                waiting.listener.finish(*page)


@contextlib.contextmanager
def _advised(plan: Plan) -> Iterator[None]:
    """Let a refusal of Microsoft's say what to try next, and remember what it demands of the next sign-in."""
    try:
        yield
    except errors.M365Error as error:
        if not (error.code or error.topic) or isinstance(error, errors.Temporary):
            raise
        folder = paths.folder(plan.name)
        # Of a first login nothing is saved: a mistyped address would stay for ever.
        if safe_file.exists(folder):
            with contextlib.suppress(OSError, errors.M365Error), account_lock.held(folder, plan.name):
                account_state.refused_login(folder, error)
        raise next_step.after_refusal(error, plan.way, has_browser=browser.is_there()) from error


def _is_accepted(plan: Plan, signed_in: SignIn) -> bool:
    """
    Return whether to save the sign-in (True) or to try again (False); raises SignInNeeded to abort.

    Somebody else than was meant is a question.
    """
    if _was_meant(plan, signed_in):
        if _has_moved(plan, signed_in):
            prompt.say(f"{plan.name} belongs to another organisation than last time; the sign-in name is the same.")
        return True
    who = _name(signed_in)
    question = f"{who} signed in, but this sign-in is for {plan.hint}. Use {who} for {plan.name}?"
    choice = prompt.choose(question, {"k": "keep", "t": "try again as another", "a": "abort"}, "a")
    if choice == "a":
        raise _somebody_else(plan, signed_in, errors.login_command(plan.name))
    return choice == "k"


def _was_meant(plan: Plan, signed_in: SignIn) -> bool:
    """
    Compare who signed in with who was meant: by the ids of the last login, at a first one by the names.

    Any organisation can fill in the claim ``email``. It counts only in the one that owns the address's domain
    (learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization).
    """
    if plan.person and plan.person.keys() == signed_in.person.keys():
        return signed_in.person == plan.person or _has_moved(plan, signed_in)
    meant = plan.hint.casefold()
    if meant in _sign_in_names(signed_in):
        return True
    if str(signed_in.claims.get("email", "")).casefold() != meant or plan.cloud is None:
        return False
    try:
        owner = tenant_discovery.find(meant, plan.cloud)
    except errors.Temporary:
        return False
    return owner is not None and owner.tenant == signed_in.claims.get("tid")


def _sign_in_names(signed_in: SignIn) -> set[str]:
    """Return the names that the organisation gave, in lower case."""
    return {str(signed_in.claims.get(claim, "")).casefold() for claim in ("preferred_username", "upn")}


def _has_moved(plan: Plan, signed_in: SignIn) -> bool:
    """
    Return whether the same name signed in at another organisation, the one that was asked: a mailbox that moved.

    All ids are new then. The organisation that owns the domain now gives out its sign-in names and owns the mailbox,
    so a sign-in name counts; the claim ``email`` does not, nor a page where everybody may sign in. In the same
    organisation another person with the old name is another person.
    """
    before, tenant = plan.person.get("tid"), signed_in.person.get("tid")
    if not before or not tenant or tenant == before or not plan.provider.authority.endswith(f"/{tenant}"):
        return False
    return bool(_sign_in_names(signed_in) & {plan.hint.casefold(), plan.name.casefold()})


def _name(signed_in: SignIn) -> str:
    return errors.printable(signed_in.names[0] if signed_in.names else "Somebody without a name")


def _somebody_else(plan: Plan, signed_in: SignIn, again: str) -> errors.SignInNeeded:
    who = _name(signed_in)
    return errors.SignInNeeded(
        f"{who} signed in, but this sign-in is for {plan.hint}"
        + (f" for {plan.name}" if plan.hint != plan.name else ""),
        account=plan.name,
        meaning="Nothing was saved",
        remedy=Remedy(
            f"If {who} may open this mailbox, sign in with that name", f"{again} --identity {errors.quoted(who)}"
        ),
    )
