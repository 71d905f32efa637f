"""
``notify``: the command that tells a person, once, that an account needs them: set it, show it, try it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import environment, errors, fresh_token
from offlineimap_m365.console.prompt import say
from offlineimap_m365.tokens import notify

if TYPE_CHECKING:
    import argparse

#: The program in whose name samples are printed.
_SAMPLES = f"{errors.COMMAND} config notify"


def run(options: argparse.Namespace) -> int:
    """Set, switch off, try or show the command; raises M365Error."""
    try:
        if options.notification is not None:
            return _choose(options.notification)
        if options.off:
            notify.forget()
            say("Nobody is notified any more.")
            return 0
    except OSError as error:
        raise errors.for_oserror(error)(
            f"{notify.path()} cannot be written ({error.strerror})",
            remedy=f"Look at: ls -ld {errors.quoted(str(notify.path().parent))}",
        ) from error
    chosen = notify.command()
    if options.test:
        return _test(chosen)
    if chosen is None:
        say(f"No command is set. Samples: {_SAMPLES}")
        return 0
    return fresh_token.hand_out(errors.printable(chosen))


def _choose(chosen: str) -> int:
    if not chosen.strip() or "\0" in chosen:
        raise errors.WrongUsage("The command is empty", remedy=f"Give one, or run: {errors.COMMAND} notify --off")
    notify.choose(chosen)
    say("It will run once per account and reason until the account worked again.")
    say(f"Try it: {errors.COMMAND} notify --test")
    return 0


def _test(chosen: str | None) -> int:
    """Run the command as if a sign-in had ended, and say how it ended."""
    if chosen is None:
        raise errors.WrongUsage("No command is set that could be tried", remedy=f"Samples: {_SAMPLES}")
    if environment.is_notifying():
        raise errors.WrongUsage(
            "The command of notify tries itself: that would never end", remedy="Leave notify --test out of it"
        )
    names = profiles.names()
    event = notify.Event(names[0] if len(names) == 1 else "you@example.org", "login")
    try:
        done = notify.run(chosen, event, notify.TEST_PATIENCE)
    except OSError as error:
        raise errors.Temporary(
            f"The command of notify cannot be started ({error.strerror})", remedy="Try again"
        ) from error
    for line in done.lines:
        say(line)
    if done.code is None:
        say(f"It still runs after {notify.TEST_PATIENCE:.0f} s, and was left alone.")
        return 0
    if done.code:
        raise errors.Misconfigured(
            f"The command of notify ended with {done.code}", remedy=f"Correct it: {errors.COMMAND} notify --command CMD"
        )
    say("It ended with 0.")
    return 0
