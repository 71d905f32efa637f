"""
Signs in as the options of a command line say, and tells the person what was done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.signin import after_sign_in, login, login_options, login_request

if TYPE_CHECKING:
    import argparse

    from offlineimap_m365.accounts.profiles import Account


def sign_in(options: argparse.Namespace) -> Account:
    """Sign in as the *options* of ``login`` say, and report it; return the account. Raises M365Error."""
    typed = login_options.typed(options)
    name = prompt.ask_account(options.account)
    with prompt.without_answer(), prompt.ended_by_signals(), login.naming(name, errors.login_command(name)):
        before = profiles.load(name)
        plan = login_request.make(before.name if before else name, typed, before, defaults=options.defaults)
        account = login.sign_in(plan, prompt, float(options.timeout))
    report(account, plan)
    return account


def report(account: Account, plan: login_request.Plan, proof: str = "") -> None:
    """Say who is signed in (and by which *proof*), where that is saved, and what is missing."""
    is_same = not account.identity or account.identity.lower() == account.name.lower()
    who = "" if is_same else f" as {account.identity}"
    if account.is_app_only:
        say(f"{account.name} has a token of the application {account.client_id}.")
    else:
        say(f"{account.name} is signed in{who}{proof}.")
    where = "the desktop's keyring" if account.store == "keyring" else account.folder
    say(f"Saved in {where} (store: {account.store}); only you can read it.")
    for line in after_sign_in.lines_after(account, plan.provider.scopes):
        say(line)


def say_next(account: Account) -> None:
    """Say which commands come after a sign-in."""
    if not account.is_app_only:
        say("Next:", f"{errors.COMMAND} config {errors.quoted(account.name)}")
    if prompt.is_there() and not account.mailboxes and any("IMAP" in scope for scope in account.scopes):
        say("Folders not in English?", f"{errors.COMMAND} folders {errors.quoted(account.name)} --learn")
