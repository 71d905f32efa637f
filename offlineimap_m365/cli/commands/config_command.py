"""
``config``: print the configuration of a mail program; changes nothing.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from offlineimap_m365 import recipes
from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token, safe_file
from offlineimap_m365.console.prompt import say
from offlineimap_m365.plugin import stub as stub_
from offlineimap_m365.recipes import limits, targets, timers


def run(options: argparse.Namespace) -> int:
    """Print a configuration, the list of programs, or the path for ``pythonfile``; raises M365Error."""
    if options.pythonfile:
        return _pythonfile()
    if options.list:
        rows = (f"{name:15}  {program.purpose}: {program.file}" for name, program in recipes.PROGRAMS.items())
        return fresh_token.hand_out("\n".join(rows))
    name, program = targets.account_and_program(options.words)
    recipe = recipes.PROGRAMS[program]
    if program in timers.NAMES:
        text = _timer(program, name, options.mailbox)
        say(f"Nothing was changed. Add this to {recipe.file}.")
    else:
        text = _mail_program(program, name, targets.mailboxes(options.mailbox or []))
    return fresh_token.hand_out(text.rstrip("\n"))


def _mail_program(program: str, name: str | None, mailboxes: list[str]) -> str:
    """Return the configuration of a mail *program*, and say what a person should know of it."""
    recipe = recipes.PROGRAMS[program]
    account = profiles.load(name) if name else profiles.get(None) if profiles.names() else None
    if account is None:
        account = targets.defaults(name or "you@example.org")
        say(f"{account.name} is not signed in: these are the defaults. Run:", errors.login_command(account.name))
    existing = _existing_general(recipe.file) if program == "offlineimap" else None
    text = recipes.render(program, account, mailboxes, existing)
    say(f"Nothing was changed. Add this to {recipe.file}{' (mode 600)' if recipe.is_private else ''}.")
    if existing is not None:
        say(f"{recipe.file} has a section [general] already: the comment at the top says what to change in it.")
    for line in limits.of(program):
        say(f"{line}.")
    return text


def _existing_general(file: str) -> str | None:
    """Return the text of the user's configuration if it has a section [general]."""
    try:
        text = safe_file.read(str(Path(file).expanduser())).decode(errors="replace")
    except (FileNotFoundError, errors.M365Error):
        return None
    return text if re.search(r"(?m)^\[general\]", text) else None


def _pythonfile() -> int:
    """Print the path for ``pythonfile``, and write that file again if anybody is signed in."""
    stub = stub_.stub_path()
    if stub_.stub_fault() == stub_.FOREIGN:
        say(f"This file was not written by {errors.COMMAND} and is left as it is: {stub}")
    elif profiles.names():
        try:
            stub_.write_stub()
        except OSError as error:
            say(f"It cannot be written ({error.strerror})")
    elif not safe_file.exists(str(stub)):
        say("It does not exist yet; login writes it. Run:", errors.login_command("you@example.org"))
    return fresh_token.hand_out(str(stub))


def _timer(program: str, name: str | None, mailboxes: list[str] | None) -> str:
    """Return the configuration of a timer or a notification, for the account *name* or for all."""
    if mailboxes:
        raise errors.WrongUsage(
            f"{program} has no mailboxes: it refreshes accounts",
            remedy=errors.Remedy("Leave out --mailbox", f"{errors.COMMAND} config {program}"),
        )
    account = profiles.load(name) if name else None
    if name and account is None:
        say(f"{name} is not signed in. Run:", errors.login_command(name))
    return timers.render(program, account.name if account else name)
