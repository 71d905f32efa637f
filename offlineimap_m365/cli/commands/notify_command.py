"""
``notify``: set, show, test or remove the command that tells a person that an account needs them.
"""

from __future__ import annotations

import argparse

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import environment, errors, fresh_token
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console.prompt import say
from offlineimap_m365.tokens import notify

#: Samples of commands.
_SAMPLES = Remedy("Print samples", f"{errors.COMMAND} config notify")


def run(options: argparse.Namespace) -> int:
    """Set, remove, test or show the command; raises M365Error."""
    try:
        if options.off:
            notify.forget()
            say("The command was removed.")
            return 0
        if options.notification is not None:
            return _choose(options.notification)
    except OSError as error:
        raise errors.for_oserror(error)(
            f"{notify.path()} cannot be written ({error.strerror})",
            remedy=Remedy("Look at its owner and mode", f"ls -ld {errors.quoted(str(notify.path().parent))}"),
        ) from error
    chosen = notify.command()
    if options.test:
        return _test(chosen)
    if chosen is None:
        say(f"No command is set. {_SAMPLES.lead}", _SAMPLES.command)
        return 0
    return fresh_token.hand_out(errors.printable(chosen))


def _choose(chosen: str) -> int:
    if not chosen.strip() or "\0" in chosen:
        remedy = Remedy("Give one, or remove it", f"{errors.COMMAND} notify --off")
        raise errors.WrongUsage("The command is empty", remedy=remedy)
    notify.choose(chosen)
    say("It will run once per account and reason until the account worked again.")
    say("Test it:", f"{errors.COMMAND} notify --test")
    return 0


def _test(chosen: str | None) -> int:
    """Run the command as if a sign-in had ended, and print how it ended."""
    if chosen is None:
        raise errors.WrongUsage("No command is set", remedy=_SAMPLES)
    if environment.is_notifying():
        fact = "The command of notify runs notify --test, which would never end"
        raise errors.WrongUsage(fact, remedy=Remedy("Remove notify --test from it"))
    names = profiles.names()
    event = notify.Event(names[0] if len(names) == 1 else "you@example.org", "login")
    code, lines = notify.run(chosen, event, notify.TEST_PATIENCE)
    for line in lines:
        say(line)
    if code:
        remedy = Remedy("Correct it", f"{errors.COMMAND} notify --command CMD")
        raise errors.Misconfigured(f"The command of notify ended with exit code {code}", remedy=remedy)
    is_running = f"It is still running after {notify.TEST_PATIENCE:.0f} s and was not stopped."
    say(is_running if code is None else "It ended with exit code 0.")
    return 0
