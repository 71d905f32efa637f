"""
``config``: what belongs into a mail program's configuration; changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.console.prompt import say
from offlineimap_m365.plugin import stub as stub_
from offlineimap_m365.recipes import limits, targets, timers
from offlineimap_m365.tokens import engine
from offlineimap_m365.tokens.token_cache import Vault

if TYPE_CHECKING:
    import argparse

    from offlineimap_m365.recipes.program import Program


def run(options: argparse.Namespace) -> int:
    """Print a snippet, the list of programs, or the path for ``pythonfile``."""
    if options.pythonfile:
        return _pythonfile()
    if options.list:
        rows = (f"{name:15}  {program.what}: {program.file}" for name, program in recipes.PROGRAMS.items())
        return fresh_token.hand_out("\n".join(rows))
    name, program = targets.account_and_program(options.words)
    if program in timers.NAMES:
        return _unattended(program, name, options.mailbox)
    mailboxes = targets.mailboxes(options.mailbox or [])
    account = profiles.load(name) if name else profiles.get(None) if profiles.names() else None
    if account is None:
        account = targets.defaults(name or "you@example.org")
        command = errors.login_command(account.name)
        say(f"{account.name} is not signed in: these are the defaults. Run: {command}")
    text = recipes.render(program, account, mailboxes)
    recipe = recipes.PROGRAMS[program]
    private = f", which nobody else should read (chmod 600 {recipe.file})" if recipe.is_private else ""
    say(f"Nothing was changed. Put this into {recipe.file}{private}:")
    for line in limits.of(recipe):
        say(f"{line}.")
    _compare(recipe, account, mailboxes)
    return fresh_token.hand_out(text.rstrip("\n"))


def _pythonfile() -> int:
    """Print the path for ``pythonfile``; what is there leads to this installation afterwards, if anybody signed in."""
    stub = stub_.stub_path()
    if stub_.is_foreign_stub():
        say(f"This program did not write it, and left it alone: {stub}")
    elif profiles.names():
        try:
            stub_.write_stub()
        except OSError as error:
            say(f"It cannot be written ({error.strerror})")
    elif not stub.exists():
        say(f"It is not there yet: login writes it. Run: {errors.COMMAND} login you@example.org")
    return fresh_token.hand_out(str(stub))


def _compare(program: Program, account: profiles.Account, mailboxes: list[str]) -> None:
    """Say so if the token that *account* has now is too long for *program*; no slow store is asked for it."""
    try:
        token = engine.peek(account) if account.store == "file" else Vault(account).resting()
    except errors.M365Error:  # whoever wants a token hears of it
        return
    longest = max([account.name, *mailboxes], key=len)
    if token and limits.is_too_long(program, longest, token.value):
        say(f"The token of {account.name} has {len(token.value):,} characters: too long for {program.name}.")


def _unattended(program: str, name: str | None, mailboxes: list[str] | None) -> int:
    """Print what runs by itself, for the account *name* or for all."""
    if mailboxes:
        raise errors.WrongUsage(
            f"A mailbox is nothing to {program}: it is about sign-ins",
            remedy=f"Leave --mailbox out: {errors.COMMAND} config {program}",
        )
    account = profiles.load(name) if name else None
    if name and account is None:
        say(f"{name} is not signed in. Run: {errors.login_command(name)}")
    text = timers.render(program, account.name if account else name)
    say(f"Nothing was changed. This belongs into {recipes.PROGRAMS[program].file}:")
    return fresh_token.hand_out(text.rstrip("\n"))
