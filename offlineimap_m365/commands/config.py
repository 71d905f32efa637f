"""
``config``: what belongs into a mail program's configuration; changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365 import accounts, errors, installation, recipes, tokens, warm
from offlineimap_m365.person import say
from offlineimap_m365.recipes import limits, order, unattended
from offlineimap_m365.vault import Vault

if TYPE_CHECKING:
    import argparse

    from offlineimap_m365.recipes.program import Program


def run(options: argparse.Namespace) -> int:
    """Print a snippet, the list of programs, or the path for ``pythonfile``."""
    if options.pythonfile:
        return _pythonfile()
    if options.list:
        rows = (f"{name:15}  {program.what}: {program.file}" for name, program in recipes.PROGRAMS.items())
        return warm.hand_out("\n".join(rows))
    name, program = order.account_and_program(options.words)
    if program in unattended.NAMES:
        return _unattended(program, name, options.mailbox)
    mailboxes = order.mailboxes(options.mailbox or [])
    account = accounts.load(name) if name else accounts.only() if accounts.names() else None
    if account is None:
        account = order.defaults(name or "you@example.org")
        command = errors.login_command(account.name)
        say(f"{account.name} is not signed in: these are the defaults. Run: {command}")
    text = recipes.render(program, account, mailboxes)
    recipe = recipes.PROGRAMS[program]
    private = f", which nobody else should read (chmod 600 {recipe.file})" if recipe.is_private else ""
    say(f"Nothing was changed. Put this into {recipe.file}{private}:")
    for line in limits.of(recipe):
        say(f"{line}.")
    _compare(recipe, account, mailboxes)
    return warm.hand_out(text.rstrip("\n"))


def _pythonfile() -> int:
    """Print the path for ``pythonfile``; what is there leads to this installation afterwards, if anybody signed in."""
    stub = installation.stub_path()
    if installation.is_foreign_stub():
        say(f"This program did not write it, and left it alone: {stub}")
    elif accounts.names():
        try:
            installation.write_stub()
        except OSError as error:
            say(f"It cannot be written ({error.strerror})")
    elif not stub.exists():
        say(f"It is not there yet: login writes it. Run: {errors.COMMAND} login you@example.org")
    return warm.hand_out(str(stub))


def _compare(program: Program, account: accounts.Account, mailboxes: list[str]) -> None:
    """Say so if the token that *account* has now is too long for *program*; no slow store is asked for it."""
    try:
        token = tokens.peek(account) if account.store == "file" else Vault(account).resting()
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
    account = accounts.load(name) if name else None
    if name and account is None:
        say(f"{name} is not signed in. Run: {errors.login_command(name)}")
    text = unattended.render(program, account.name if account else name)
    say(f"Nothing was changed. This belongs into {recipes.PROGRAMS[program].file}:")
    return warm.hand_out(text.rstrip("\n"))
