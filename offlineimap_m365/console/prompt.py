"""
The person at the terminal: what is said to them, and what they are asked.

Nothing here goes to stdout, which belongs to the answers of the commands.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import environment, errors
from offlineimap_m365.console import output

if TYPE_CHECKING:
    from collections.abc import Iterator


def say(text: str = "") -> None:
    """Say one line on stderr; somebody who does not listen (closed, full) is no error."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(output.spelled(text, sys.stderr) + "\n")
            sys.stderr.flush()


def tell(error: errors.M365Error, *, verbose: bool) -> int:
    """Say what an *error* says, if *verbose* also where it came from, and return its exit code."""
    first, *others = error.lines()
    say(f"{errors.COMMAND}: {first}")
    for line in others:
        say(f"  {line}")
    if verbose:
        say("".join(traceback.format_tb(error.__traceback__)))
    return error.exit_code


def is_there() -> bool:
    """Does somebody sit at the terminal who can be asked?"""
    return environment.at_terminal()


def waits_for_answer() -> bool:
    """Did somebody type this command who waits for it? Then a remembered failure does not count (contract §5.6)."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def ask_account(given: str | None) -> str:
    """
    Return the account to sign in to: the one that was *given*, the one that is typed, else the only one there is.

    Raises WrongUsage if none of them is there.
    """
    if given is not None:
        return profiles.clean_name(given)
    known = profiles.names()
    if is_there():
        only = known[0] if len(known) == 1 else ""
        typed = _ask(f"Mail address ({errors.printable(only)}): " if only else "Mail address: ").strip()
        if typed or only:
            return profiles.clean_name(typed or only)
    elif len(known) == 1:
        return known[0]
    listed = f"; signed in so far: {', '.join(known)}" if known else ""
    raise errors.WrongUsage(
        f"Which account shall be signed in?{listed}", remedy=f"Name it: {errors.COMMAND} login you@example.org"
    )


def choose(question: str, choices: dict[str, str], default: str) -> str:
    """Return the key of what the person chooses; *default* for an empty line, the end of input, or nobody there."""
    if not is_there():
        return default
    offered = ", ".join(f"[{key}] {what}" for key, what in choices.items())
    while True:
        typed = _ask(f"{question} {offered} (Enter: {choices[default]}): ").strip().lower()[:1]
        if not typed:
            return default
        if typed in choices:
            return typed


def _ask(question: str) -> str:
    """Return the line that was typed, empty at the end of input."""
    if sys.stderr is not None:
        sys.stderr.write(question)
        sys.stderr.flush()
    return sys.stdin.readline()


@contextlib.contextmanager
def without_answer() -> Iterator[None]:
    """Lead stdout to stderr: login has no answer, and what a browser prints must not look like one."""
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed, so nothing can come out there
        yield
        return
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a login as an exception, so that the terminal is put back as it was."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
