"""
Notify a person once that an account needs them, by a command of theirs, which ``notify.json`` in the home names.

The command runs once per account and reason until the account worked again; the account's ``state.json`` remembers
that. A process that only wants a token waits for it at most a second, and no failure of the command is its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import (
    account_lock,
    atomic_file,
    environment,
    errors,
    fresh_token,
    notices,
    paths,
    process,
    safe_file,
    time_words,
)
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import explain

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

#: Seconds for which a process that wants a token waits for the lock and the command (contract §3, ``notify``).
PATIENCE = 1.0
#: Seconds for which ``notify --test`` waits, since a person watches.
TEST_PATIENCE = 20.0
_DAY = 86_400  # also for how long a refusal that depends on the place (off VPN) may pass by itself
_REASONS = {"CONFIG": "client", "ADMIN": "policy", "DEVICE": "policy"}
#: How much of the command's output is passed on, in bytes.
_MOST_OUTPUT = 4096


@dataclasses.dataclass(frozen=True)
class Event:
    """What a person is notified of: the *account*, the *reason* (contract §3), *days* left where they count."""

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
    """How the command ended (*code* None: it still runs), and the *lines* that it printed."""

    code: int | None
    lines: tuple[str, ...]


def failed(error: errors.M365Error, name: str | None = None) -> None:
    """
    Notify of *error*, met at a refresh of the account *name*, if it needs a person; and remind of a long failure.

    Without *name* the error knows the account. Never raises, and never takes long.
    """
    name = error.account or name
    if name is None or isinstance(error, errors.WrongUsage) or environment.is_notifying():
        return
    deadline, folder = time.monotonic() + PATIENCE, paths.folder(name)
    try:
        if not paths.check(folder):
            return
    except errors.M365Error:  # others may have put a command into the home
        return
    try:
        account = profiles.load(name)
    except errors.M365Error:
        _notify(Event(name, "store"), folder, "", deadline)
        return
    if account and account.is_signed_in:
        (_temporary if isinstance(error, errors.Temporary) else _refused)(error, account, deadline)


def certificate_ends(account: Account, days: int, end: str) -> None:
    """Notify that the certificate of an app-only *account* ends in *days*, at *end*; once for each certificate."""
    if days <= client_credential.SOON and not environment.is_notifying():
        event = Event(account.name, "expires-soon", max(0, days))
        _notify(event, account.folder, end, time.monotonic() + PATIENCE)


def reason_of(error: errors.M365Error) -> str | None:
    """Return what *error* is called in ``M365_REASON``; None for what needs no person."""
    known = explain.explain(error.code) if error.code else None
    if known and known.topic == "consent":
        return "consent"
    if isinstance(error, errors.Misconfigured):
        return "client" if error.code or error.of_client else "store"
    if not isinstance(error, errors.SignInNeeded):
        return None
    return _REASONS.get(known.klass, "login") if known else "login"


def _temporary(error: errors.M365Error, account: Account, deadline: float) -> None:
    """Remind once that nothing succeeded for days; notify once that the sign-in will end for want of a refresh."""
    seconds = None
    if account_state.is_reminder_due(account.folder):
        with contextlib.suppress(errors.M365Error), _lock(account.folder, account.name, deadline):
            seconds = account_state.note_reminder(account.folder)
    if seconds is not None:
        since = time_words.duration(seconds)
        notices.say(f"{account.name}: no refresh succeeded for {since}, so waiting will not help. {error.one_line()}")
        _notify(Event(account.name, "connection" if error.of_client else "store"), account.folder, "", deadline)
    unused = account_state.unused_seconds(account.folder)
    left = account_state.LONGEST_UNUSED - int(unused or 0) // _DAY
    if unused is not None and left <= account_state.UNUSED_SOON and not account.is_app_only:
        _notify(Event(account.name, "expires-soon", max(0, left)), account.folder, "", deadline)


def _refused(error: errors.M365Error, account: Account, deadline: float) -> None:
    reason, since = reason_of(error), account_state.failing_since(account.folder)
    may_pass = error.place and (since is None or time.time() - since < _DAY)
    if reason is not None and not may_pass:
        _notify(Event(account.name, reason), account.folder, "", deadline)


def _notify(event: Event, folder: str, subject: str, deadline: float) -> None:
    """Run the command unless it ran for this reason and *subject* already; a failure of that is one line."""
    try:
        text = command()
        if text is None or not _is_first(event, folder, subject, deadline):
            return
        outcome = run(text, event, max(0.0, deadline - time.monotonic()))
    except errors.M365Error as error:
        notices.say(f"The command of notify cannot be run: {error.one_line()}")
        return
    for line in outcome.lines:
        notices.say(line)
    if outcome.code:
        notices.say(f"The command of notify ended with {outcome.code}. Try it: {errors.COMMAND} notify --test")


def _is_first(event: Event, folder: str, subject: str, deadline: float) -> bool:
    """Note under the lock that the person is notified now; False if they were, or if that cannot be saved."""
    if account_state.notified(folder).get(event.reason) == subject:
        return False
    try:
        with _lock(folder, event.account, deadline):
            if account_state.notified(folder).get(event.reason) == subject:
                return False  # another process was faster
            return account_state.note_notified(folder, event.reason, subject)
    except (errors.Temporary, errors.SignInNeeded):
        return False  # another process refreshes or logs out now; the next failure comes here again


def _lock(folder: str, name: str, deadline: float) -> contextlib.AbstractContextManager[None]:
    return account_lock.held(folder, name, max(0.0, deadline - time.monotonic()))


def run(text: str, event: Event, seconds: float) -> Outcome:
    """Run the command line *text* for *event* and wait at most *seconds*; then it continues by itself."""
    # Not our own stderr: a program that reads that to its end would wait for a slow command.
    with _nameless_file() as output:
        result = process.run(
            [*process.SHELL, text], seconds=seconds, env=event.environ(), output=output.fileno(), keep_running=True
        )
        printed = os.pread(output.fileno(), _MOST_OUTPUT, 0).decode("utf-8", "replace")
    lines = [errors.printable(line) for line in [*printed.splitlines(), result.reason] if line.strip()]
    return Outcome(process.NO_SUCH_COMMAND[0] if result.ended == process.NOT_STARTED else result.code, tuple(lines))


def _nameless_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:  # on a full disk the person is notified nevertheless
        return Path(os.devnull).open("r+b")


def path() -> Path:
    """Return the path of the file that names the command, whether it exists or not."""
    return Path(paths.directory()) / "notify.json"


def command() -> str | None:
    """Return the command that is set, or None. Raises Misconfigured for a file that is damaged or open to others."""
    try:
        document = json.loads(safe_file.read(str(path()), is_ours=True))
        version, text = document["version"], document["command"]
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise _unusable() from error
    if version != fresh_token.VERSION or not isinstance(text, str) or not text.strip() or "\0" in text:
        raise _unusable()
    return text


def choose(text: str) -> None:
    """Set the command. Raises OSError, and M365Error for a home that is not safe."""
    paths.make(paths.directory())
    document = {"version": fresh_token.VERSION, "command": text}
    atomic_file.write_whole(path(), json.dumps(document, indent=1).encode("ascii") + b"\n")


def forget() -> None:
    """Remove the command; none set is no error. Raises OSError."""
    path().unlink(missing_ok=True)


def _unusable() -> errors.Misconfigured:
    return errors.Misconfigured(
        f"{path()} cannot be used: it is damaged, or of a later release",
        remedy=Remedy("Set the command again", f"{errors.COMMAND} notify --command CMD"),
    )
