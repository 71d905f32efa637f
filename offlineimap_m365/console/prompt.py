"""
The person at the terminal: messages to them, and questions.

Nothing here goes to stdout, which holds the answers of the commands.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console import output


def say(text: str = "", command: str | None = None) -> None:
    """
    Write *text*, then *command*, to stderr; on a terminal it is wrapped, and the command never broken.

    Control and bidirectional characters are replaced. A stderr that is closed or full is no error.
    """
    _write(output.wrapped(errors.printable(text), sys.stderr, command=command and errors.printable(command)))


def say_unwrapped(text: str) -> None:
    """Write *text* to stderr as one line that can be copied, such as an address."""
    _write([errors.printable(text)])


def _write(lines: list[str]) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.writelines(output.spelled(line, sys.stderr) + "\n" for line in lines)
            sys.stderr.flush()


def tell(error: errors.M365Error, *, verbose: bool) -> int:
    """Print an *error*, if *verbose* also where it came from, and return its exit code."""
    first, *others = error.lines()
    say(f"{errors.COMMAND}: {first}")
    command = error.remedy.command
    for line in others:
        is_remedy = command is not None and line is others[-1]
        text = error.remedy.lead if is_remedy else line
        _write(output.wrapped(text, sys.stderr, "  ", command=command if is_remedy else None))
    if verbose:
        _write("".join(traceback.format_tb(error.__traceback__)).splitlines())
    return error.exit_code


def bug(error: Exception) -> errors.M365Error:
    """Return the message about an unexpected *error*, without its text, which may hold anything."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    bug = errors.M365Error(
        f"A bug in {errors.COMMAND}: {type(error).__name__} in {Path(where.filename).name}, line {where.lineno}",
        remedy=errors.Remedy("Report it with the command that you ran; -v shows more"),
    )
    bug.__traceback__ = error.__traceback__
    return bug


def is_there() -> bool:
    """Is there a terminal at which a question can be asked?"""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def waits_for_answer() -> bool:
    """Was this command typed on a terminal? Then a remembered failure does not count (contract §5.6)."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def ask_account(given: str | None) -> str:
    """
    Return the account to sign in to: the one *given*, the one typed at the prompt, or the only one there is.

    Raises WrongUsage if there is none of these.
    """
    if given is not None:
        return profiles.clean_name(given)
    known = profiles.names()
    only = known[0] if len(known) == 1 else ""
    question = f"Mail address ({only}): " if only else "Mail address: "
    name = (is_there() and _ask(question).strip()) or only
    if name:
        return profiles.clean_name(name)
    listed = f"; signed in so far: {', '.join(known)}" if known else ""
    raise errors.WrongUsage(
        f"No account was given{listed}", remedy=errors.Remedy("Name one", errors.login_command("you@example.org"))
    )


def choose(question: str, choices: dict[str, str], default: str) -> str:
    """Return the key of the choice that is typed; *default* for an empty line, the end of input, or no terminal."""
    if not is_there():
        return default
    offered = ", ".join(f"[{key}] {choice}" for key, choice in choices.items())
    while True:
        typed = _ask(f"{question} {offered} (Enter: {choices[default]}): ").strip().lower()[:1]
        if not typed:
            return default
        if typed in choices:
            return typed


def ask(question: str, default: str) -> str:
    """Return what is typed; *default* for an empty line, the end of input, or no terminal."""
    return (is_there() and _ask(f"{question} (Enter: {default}): ").strip()) or default


def _ask(question: str) -> str:
    """Return the line that was typed, empty at the end of input."""
    if sys.stderr is not None:
        sys.stderr.write(output.spelled(errors.printable(question), sys.stderr))
        sys.stderr.flush()
    return sys.stdin.readline()


@contextlib.contextmanager
def without_answer() -> Iterator[None]:
    """Redirect stdout to stderr: login prints no answer, and the output of a browser must not look like one."""
    try:
        stdout = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed
        yield
        return
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise SystemExit on SIGTERM and SIGHUP, so that the terminal is restored; a signal that is ignored stays so."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    heeded = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, leave) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
