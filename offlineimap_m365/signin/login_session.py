"""
Signs in as the options of a command line say, and tells the person what was done and what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.knowledge import powershell, tables
from offlineimap_m365.knowledge.next_step import permissions
from offlineimap_m365.signin import login, login_options, login_request

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

    from offlineimap_m365.accounts.profiles import Account


#: Which programs do without a permission, by our name of it.
_WITHOUT = {
    "imap": "Reading mail (IMAP) was not granted: OfflineIMAP and others that fetch will not work",
    "smtp": "Sending mail (SMTP) was not granted: msmtp and others that send will not work",
    "pop": "Fetching mail by POP was not granted: programs that do will not work",
}


def sign_in(options: argparse.Namespace) -> Account:
    """Sign in as the *options* of ``login`` say, and report it; return the account. Raises M365Error."""
    typed = login_options.typed(options)
    name = prompt.ask_account(options.account)
    again = login_options.command_line("login", name, chosen=typed)
    with prompt.without_answer(), prompt.ended_by_signals(), login.naming(name, typed, again):
        before = profiles.load(name)
        plan = login_request.make(before.name if before else name, typed, before, defaults=options.defaults)
        account = login.sign_in(plan, float(options.timeout))
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
    for line in lines_after(account, plan.provider.scopes):
        say(line)


def say_next(account: Account) -> None:
    """Say which commands come after a sign-in."""
    if not account.is_app_only:
        say("Next:", f"{errors.COMMAND} config {errors.quoted(account.name)}")
    if prompt.is_there() and not account.mailboxes and any("IMAP" in scope for scope in account.scopes):
        say("Folders not in English?", f"{errors.COMMAND} folders {errors.quoted(account.name)} --learn")


def lines_after(account: Account, asked: Collection[str]) -> list[str]:
    """Return what somebody who just signed in and *asked* for these scopes must know: a line each."""
    if account.is_app_only:
        return _for_administrators(account)
    again = errors.login_command(account.name)
    missing = permissions(asked) - permissions(account.scopes)
    lines = [f"{_WITHOUT[name]} with this sign-in." for name in _WITHOUT if name in missing]
    if missing and account.is_personal:
        lines.append(f"To ask for it again: {again}")
    elif missing:
        consent = f"{errors.COMMAND} consent {errors.quoted(account.name)}"
        lines.append(f"To have it approved: {consent}; then run: {again}")
    if account.home_tenant is not None:
        who = account.identity or account.name
        lines.append(f"{who} is a guest here, and guests have no mailbox in the organisation that invited them.")
        lines.append(f"For the mailbox at home: {again} --tenant {errors.quoted(account.home_tenant or 'TENANT')}")
    if account.is_personal and "imap" not in missing:
        switch = tables.load("clouds")["consumers"]["imap_switch"]
        lines.append("Outlook.com lets no program read mail until you switch IMAP on, in its Settings, under Mail,")
        lines.append(f"Forwarding and IMAP: {switch}")
    return lines


def _for_administrators(account: Account) -> list[str]:
    # Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth".
    return [
        "No person signed in. The token opens no mailbox by itself: in Exchange Online PowerShell an administrator",
        "runs once, with the object id of the enterprise application (not the one of the app registration):",
        f"  {powershell.introduce(account.client_id, 'OBJECT_ID')}",
        "and for each mailbox:",
        f"  {powershell.permit('MAILBOX', 'OBJECT_ID')}",
        f"Then: {errors.COMMAND} config {errors.quoted(account.name)} --mailbox @FILE, with one address on each line",
    ]
