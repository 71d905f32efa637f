"""
``config``: what belongs into a mail program's configuration; changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365 import accounts, errors, installation, recipes, warm
from offlineimap_m365.person import say
from offlineimap_m365.recipes import order, unattended

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print a snippet, the list of programs, or the path for ``pythonfile``."""
    if options.pythonfile:
        return _pythonfile()
    if options.list:
        rows = (f"{name:12}  {what}: {where}" for name, (what, where) in recipes.PROGRAMS.items())
        return warm.hand_out("\n".join(rows))
    name, program = order.account_and_program(options.words)
    if program in unattended.PROGRAMS:
        return _unattended(program, name, options.mailbox)
    mailboxes = order.mailboxes(options.mailbox or [])
    account = accounts.load(name) if name else accounts.only() if accounts.names() else None
    if account is None:
        account = order.defaults(name or "you@example.org")
        command = errors.login_command(account.name)
        say(f"{account.name} is not signed in: these are the defaults. Run: {command}")
    text = recipes.render(program, account, mailboxes)
    where = recipes.PROGRAMS[program][1]
    say(f"Nothing was changed. Put this into {where}, which nobody else should read (chmod 600 {where}):")
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
    say(f"Nothing was changed. This belongs into {unattended.PROGRAMS[program][1]}:")
    return warm.hand_out(text.rstrip("\n"))
