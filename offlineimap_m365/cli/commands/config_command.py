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
from offlineimap_m365.tokens import engine


def run(options: argparse.Namespace) -> int:
    """Print a configuration, the list of programs, or the path for ``pythonfile``; raises M365Error."""
    if options.pythonfile:
        return _pythonfile()
    if options.list:
        rows = (f"{name:15}  {program.purpose}: {program.file}" for name, program in recipes.PROGRAMS.items())
        return fresh_token.hand_out("\n".join(rows))
    name, program = targets.account_and_program(options.words)
    if program in timers.NAMES:
        return _timer(program, name, options.mailbox)
    mailboxes = targets.mailboxes(options.mailbox or [])
    account = profiles.load(name) if name else profiles.get(None) if profiles.names() else None
    if account is None:
        account = targets.defaults(name or "you@example.org")
        say(f"{account.name} is not signed in: these are the defaults. Run:", errors.login_command(account.name))
    recipe = recipes.PROGRAMS[program]
    existing = _text_of(recipe.file)
    has_general = program == "offlineimap" and re.search(r"(?m)^\[general\]", existing) is not None
    text = recipes.render(program, account, mailboxes, existing if has_general else None)
    say(f"Nothing was changed. Add this to {recipe.file}{' (mode 600)' if recipe.is_private else ''}.")
    if has_general:
        say(f"{recipe.file} has a section [general] already: the comment at the top says what to change in it.")
    for address in (mailboxes or [account.name]) if program == "msmtp" else []:
        _compare_senders(recipe.file, existing, address)
    for line in limits.of(program):
        say(f"{line}.")
    _compare_length(program, account, mailboxes)
    return fresh_token.hand_out(text.rstrip("\n"))


def _text_of(file: str) -> str:
    """Return the text of the user's configuration, empty if there is none."""
    try:
        return safe_file.read(str(Path(file).expanduser())).decode(errors="replace")
    except (FileNotFoundError, errors.M365Error):
        return ""


def _compare_senders(file: str, text: str, address: str) -> None:
    """Say so if msmtp would send from *address* by an account that is in its file already."""
    account = ""
    for words in map(str.split, text.splitlines()):
        if words[:1] == ["account"] and len(words) > 1:
            account = words[1]
        elif words[:1] == ["from"] and " ".join(words[1:]).strip('"').lower() == address.lower():
            say(
                f"{file} already has an account for {address}, {account or 'without a name'}. msmtp uses the first one."
            )
            return


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


def _compare_length(program: str, account: profiles.Account, mailboxes: list[str]) -> None:
    """Warn if the current token of *account* is too long for *program*; a slow store is not asked."""
    try:
        token = engine.peek(account) if account.store == "file" else None
    except errors.M365Error:  # the command that needs a token reports it
        return
    longest = max([account.name, *mailboxes], key=len)
    if token and program in limits.too_short_for(longest, token.value):
        say(f"The token of {account.name} has {len(token.value):,} characters: too long for {program}.")


def _timer(program: str, name: str | None, mailboxes: list[str] | None) -> int:
    """Print the configuration of a timer or a notification, for the account *name* or for all."""
    if mailboxes:
        raise errors.WrongUsage(
            f"{program} has no mailboxes: it refreshes accounts",
            remedy=errors.Remedy("Leave out --mailbox", f"{errors.COMMAND} config {program}"),
        )
    account = profiles.load(name) if name else None
    if name and account is None:
        say(f"{name} is not signed in. Run:", errors.login_command(name))
    text = timers.render(program, account.name if account else name)
    say(f"Nothing was changed. Add this to {recipes.PROGRAMS[program].file}.")
    return fresh_token.hand_out(text.rstrip("\n"))
