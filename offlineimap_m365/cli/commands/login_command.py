"""
``login``: a person signs in, and what they should do next is said.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.provider import next_step
from offlineimap_m365.signin import login, login_request

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Sign in and keep it; raises M365Error, and then nothing was kept."""
    typed = login_request.typed(options)
    name = prompt.ask_account(options.account)
    with prompt.without_answer(), prompt.ended_by_signals(), login.trouble_told(name):
        before = profiles.load(name)
        found = login_request.make(before.name if before else name, typed, before, defaults=options.defaults)
        account = login.sign_in(found, prompt, float(options.timeout))
    if account.is_app_only:
        say(errors.printable(f"{account.name} has a token of the application {account.client_id}."))
    who = f" as {account.identity}" if account.identity and account.identity.lower() != account.name.lower() else ""
    if not account.is_app_only:
        say(errors.printable(f"{account.name} is signed in{who}."))
    where = "the desktop's keyring" if account.store == "keyring" else account.folder
    say(f"Kept in {where} (store: {account.store}), which only you can read.")
    for line in next_step.after_sign_in(account, found.provider.scopes):
        say(errors.printable(line))
    if not account.is_app_only:
        say(f"Next: {errors.COMMAND} config {shlex.quote(account.name)}")
    if prompt.is_there() and not account.mailboxes and any("IMAP" in scope for scope in account.scopes):
        say(f"Folders not in English? {errors.COMMAND} folders {shlex.quote(account.name)} --learn")
    return 0
