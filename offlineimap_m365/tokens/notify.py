"""
Tells a person, once, that an account needs them: by a command of their own, kept in ``notify.json`` in the home.

It runs once per account and reason until the account worked again; what was told is remembered in the account's
``state.json``. Whoever only wanted a token waits for it no longer than a second, and no failure of it is theirs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import account_lock, atomic_file, environment, errors, fresh_token, notices, paths, safe_file
from offlineimap_m365.knowledge import explain

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

#: Seconds for which whoever wanted a token waits for the lock and the command (contract §3, ``notify``).
PATIENCE = 1.0
#: Seconds for which ``notify --test`` waits, since somebody looks.
TEST_PATIENCE = 20.0
#: What depends on the place is told after this many seconds of refusals in a row: off the campus is no event.
_PLACE = 86_400.0
_DAY = 86_400
#: Days before a certificate's end: others have to be asked for a new one.
CERTIFICATE_SOON = 30
_REASONS = {"CONFIG": "client", "ADMIN": "policy", "DEVICE": "policy"}
#: How much of what the command says is passed on, in bytes.
_MOST_SAID = 4096

#: Commands that were left alone after PATIENCE; kept so that they are reaped.
_left: list[subprocess.Popen[bytes]] = []


@dataclasses.dataclass(frozen=True)
class Event:
    """What a person is told: whose *account*, the *reason* (one of contract §3's), *days* left where they count."""

    account: str
    reason: str
    days: int | None = None

    def environ(self) -> dict[str, str]:
        """Return the environment of the command; nothing in it comes from the network."""
        return {
            **environment.for_child(),
            environment.NOTIFYING: "1",
            "M365_ACCOUNT": self.account,
            "M365_REASON": self.reason,
            "M365_DAYS": "" if self.days is None else str(self.days),
        }


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How the command ended (*code* None: not yet), and the lines that it *said*."""

    code: int | None
    said: tuple[str, ...]


def failed(error: errors.M365Error, name: str | None = None) -> None:
    """
    Tell of a refresh of the account *name* that failed with *error* if that needs a person.

    Without *name* the error knows the account. Never raises, and never takes long.
    """
    whose = error.account or name
    if whose is None or isinstance(error, errors.WrongUsage) or environment.is_notifying():
        return
    _quietly(_failed, error, whose, time.monotonic() + PATIENCE)


def certificate_ends(account: Account, days: int, end: str) -> None:
    """Tell that the certificate of an app-only *account* ends in *days*, at *end*; once for each certificate."""
    if days <= CERTIFICATE_SOON and not environment.is_notifying():
        event = Event(account.name, "expires-soon", max(0, days))
        _quietly(_tell, event, account.folder, end, time.monotonic() + PATIENCE)


def _quietly(tell: Any, *arguments: Any) -> None:
    try:
        tell(*arguments)
    except (OSError, errors.M365Error) as trouble:
        why = trouble.one_line() if isinstance(trouble, errors.M365Error) else trouble.strerror
        notices.say(f"Nobody could be notified: {why}")


def reason_of(error: errors.M365Error) -> str | None:
    """Return what *error* is called in ``M365_REASON``; None for what needs nobody."""
    known = explain.explain(error.code) if error.code else None
    if known and known.topic == "consent":
        return "consent"
    if isinstance(error, errors.Misconfigured):
        return "client" if error.code or error.of_client else "store"
    if not isinstance(error, errors.SignInNeeded):
        return None
    return _REASONS.get(known.klass, "login") if known else "login"


def _failed(error: errors.M365Error, name: str, deadline: float) -> None:
    folder = paths.folder(name)
    if not safe_file.exists(str(path())) or not safe_file.exists(folder):
        return
    try:
        paths.check(folder)  # a command is never taken from a home that others may change
    except errors.M365Error:
        return
    try:
        account = profiles.load(name)
    except errors.Misconfigured:
        _tell(Event(name, "store"), folder, "", deadline)
        return
    if account is None or not account.is_signed_in:
        return  # whoever signed out knows it
    if isinstance(error, errors.Temporary):
        unused = account_state.unused_seconds(folder)
        days = account_state.LONGEST_UNUSED - int(unused or 0) // _DAY
        if unused is not None and days <= account_state.UNUSED_SOON and account.kind == "delegated":
            _tell(Event(account.name, "expires-soon", max(0, days)), folder, "", deadline)
        return
    reason = reason_of(error)
    since = account_state.failing_since(folder)
    if reason is None or (error.place and (since is None or time.time() - since < _PLACE)):
        return
    _tell(Event(account.name, reason), folder, "", deadline)


def _tell(event: Event, folder: str, about: str, deadline: float) -> None:
    """Run the command unless it ran for this reason (and the thing that it is *about*) already."""
    if account_state.notified(folder).get(event.reason) == about:
        return
    chosen = command()
    if chosen is None:
        return
    try:
        with account_lock.held(folder, event.account, max(0.0, deadline - time.monotonic())):
            if account_state.notified(folder).get(event.reason) == about:
                return  # another process was faster
            if not account_state.note_notified(folder, event.reason, about):
                return  # it could not be remembered, and would run each time
    except errors.Temporary:
        return  # somebody refreshes now; the next failure comes here again
    done = run(chosen, event, max(0.0, deadline - time.monotonic()))
    for line in done.said:
        notices.say(line)
    if done.code:
        notices.say(f"The command of notify ended with {done.code}. Try it: {errors.COMMAND} notify --test")


def run(chosen: str, event: Event, patience: float) -> Outcome:
    """Run the command for *event*, wait for at most *patience* seconds, and then leave it alone. Raises OSError."""
    _left[:] = [process for process in _left if process.poll() is None]
    # Not our own stderr: whoever reads that to its end would have to wait for a command that takes its time.
    with _nameless_file() as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", chosen],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=event.environ(),
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(patience)
        except subprocess.TimeoutExpired:
            _left.append(process)
            code = None
        said = os.pread(output.fileno(), _MOST_SAID, 0).decode("utf-8", "replace")
    return Outcome(code, tuple(errors.printable(line) for line in said.splitlines() if line.strip()))


def _nameless_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:  # a full disk is no reason to tell nobody
        return Path(os.devnull).open("r+b")


def path() -> Path:
    """Return where the command is kept, whether it is there or not."""
    return Path(paths.directory()) / "notify.json"


def command() -> str | None:
    """Return the command that is set, or None. Raises Misconfigured for a file that is broken or open to others."""
    try:
        descriptor = os.open(path(), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(f"it cannot be read ({error.strerror})") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):  # a pipe would wait for ever
        os.close(descriptor)
        raise _unusable("it is not a file")
    with os.fdopen(descriptor, "rb") as file:
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
            raise _unusable("others may write to it, and it names a command to run")
        try:
            document = json.load(file)
        except (OSError, ValueError, RecursionError) as error:
            raise _unusable("it is broken") from error
    version = document.get("version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > fresh_token.VERSION:
        raise _unusable("it was written by a later release")
    chosen = document.get("command") if isinstance(version, int) else None
    if not isinstance(chosen, str) or not chosen.strip() or "\0" in chosen:
        raise _unusable("it is broken")
    return chosen


def choose(chosen: str) -> None:
    """Set the command. Raises OSError."""
    paths.make(paths.directory())
    atomic_file.write_whole(
        path(), json.dumps({"version": fresh_token.VERSION, "command": chosen}, indent=1).encode("ascii") + b"\n"
    )


def forget() -> None:
    """Run nothing any more; nothing set is no error. Raises OSError."""
    path().unlink(missing_ok=True)


def _unusable(why: str) -> errors.Misconfigured:
    return errors.Misconfigured(
        f"{path()} cannot be used: {why}",
        remedy=f"Look at it, then set the command anew: {errors.COMMAND} notify --off;"
        f" {errors.COMMAND} notify --command CMD",
    )
