"""
Notify a person once that an account needs them, by a command of theirs, which ``notify.json`` in the home names.

The command runs once per account and reason until the account worked again; the account's ``state.json`` remembers
that. A process that only wants a token waits for it at most a second, and no failure of the command is its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import account_lock, atomic_file, environment, errors, notices, paths, process, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import explain

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

#: Seconds for which a process that wants a token waits for the lock and the command (contract §3, ``notify``).
PATIENCE = 1.0
#: Seconds for which ``notify --test`` waits, since a person watches.
TEST_PATIENCE = 20.0
_DAY = 86_400
#: Days without a success after which a temporary failure is said, if another one was met a day ago.
_SILENT_DAYS = 3
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


def failed(error: errors.M365Error, name: str | None = None) -> None:
    """
    Notify of *error*, met at a refresh of the account *name*, if it needs a person.

    Without *name* the error knows the account. Never raises, and never takes long.
    """
    name = error.account or name
    if name is None or isinstance(error, errors.WrongUsage) or environment.is_notifying():
        return
    folder = paths.folder(name)
    try:
        if not paths.check(folder):
            return
    except errors.M365Error:  # others may have put a command into the home
        return
    try:
        account = profiles.load(name)
        event = _event_of(error, account) if account and account.is_signed_in else None
    except errors.M365Error:
        event = Event(name, "store")
    if event:
        _notify(event, folder, "")


def certificate_ends(account: Account) -> None:
    """Notify that the certificate which *account* used last ends soon; once for each certificate."""
    ends = account_state.certificate_ends(account.folder)
    days = client_credential.SOON + 1 if ends is None else int((ends - time.time()) // _DAY)
    if days <= client_credential.SOON and not environment.is_notifying():
        event = Event(account.name, "expires-soon", max(0, days))
        _notify(event, account.folder, str(ends))


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


def _event_of(error: errors.M365Error, account: Account) -> Event | None:
    """Return what a person must know of *error*; None for what may pass by itself. Days without a success are said."""
    if not isinstance(error, errors.Temporary):
        reason = None if account_state.may_pass(account.folder, error) else reason_of(error)
        return Event(account.name, reason) if reason else None
    days = int(account_state.unused_seconds(account.folder) or 0) // _DAY
    left = account_state.LONGEST_UNUSED - days
    is_ending = left <= account_state.UNUSED_SOON and not account.is_app_only
    # A computer that was switched off for days may only need a moment until it has its network.
    is_lasting = time.time() - account_state.first_failure(account.folder) >= _DAY
    if days < _SILENT_DAYS or not (is_ending or is_lasting):
        return None
    notices.say(f"{account.name}: no refresh succeeded for {days} days, so waiting will not help. {error.one_line()}")
    if is_ending:
        return Event(account.name, "expires-soon", max(0, left))
    return Event(account.name, "connection" if error.of_client else "store")


def _notify(event: Event, folder: str, subject: str) -> None:
    """Run the command unless it ran for this reason and *subject* already; a failure of that is one line."""
    deadline = time.monotonic() + PATIENCE
    try:
        text = command()
        if text is None or not _is_first(event, folder, subject, deadline):
            return
        code, lines = run(text, event, max(0.0, deadline - time.monotonic()))
    except errors.M365Error as error:
        notices.say(f"The command of notify cannot be run: {error}")
        return
    for line in lines:
        notices.say(line)
    if code:
        notices.say(f"The command of notify ended with {code}. Try it: {errors.COMMAND} notify --test")


def _is_first(event: Event, folder: str, subject: str, deadline: float) -> bool:
    """Note under the lock that the person is notified now; False if they were, or if that cannot be saved."""
    if account_state.notified(folder).get(event.reason) == subject:
        return False
    try:
        with account_lock.held(folder, event.account, max(0.0, deadline - time.monotonic())):
            if account_state.notified(folder).get(event.reason) == subject:
                return False  # another process was faster
            return account_state.note_notified(folder, event.reason, subject)
    except (errors.Temporary, errors.SignInNeeded):
        return False  # another process refreshes or logs out now; the next failure comes here again


def run(text: str, event: Event, seconds: float) -> tuple[int | None, list[str]]:
    """
    Run the command line *text* for *event* and wait at most *seconds*; then it continues by itself.

    Return its exit code, None if it still runs, and the lines that it printed.
    """
    try:
        # Not our own stderr: a program that reads that to its end would wait for a slow command.
        output = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:  # a full disk, or no directory for it: the person is notified nevertheless
        output = Path(os.devnull).open("r+b")  # noqa: SIM115 - likewise
    with output:
        result = process.run(
            [*process.SHELL, text], seconds=seconds, env=event.environ(), output=output.fileno(), keep_running=True
        )
        printed = os.pread(output.fileno(), _MOST_OUTPUT, 0).decode("utf-8", "replace")
    lines = [errors.printable(line) for line in [*printed.splitlines(), result.reason] if line.strip()]
    return process.NO_SUCH_COMMAND[0] if result.ended == process.NOT_STARTED else result.code, lines


def path() -> Path:
    """Return the path of the file that names the command, whether it exists or not."""
    return Path(paths.directory()) / "notify.json"


def command() -> str | None:
    """Return the command that is set, or None. Raises Misconfigured for a file that is damaged or open to others."""
    try:
        text = json.loads(safe_file.read(str(path()), is_ours=True))["command"]
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, LookupError, TypeError):
        text = None
    if not isinstance(text, str) or not text.strip():
        raise errors.Misconfigured(
            f"{path()} is damaged", remedy=Remedy("Set the command again", f"{errors.COMMAND} notify --command CMD")
        )
    return text


def choose(text: str) -> None:
    """Set the command. Raises OSError, and M365Error for a home that is not safe."""
    paths.make(paths.directory())
    document = {"version": 1, "command": text}
    atomic_file.write_whole(path(), json.dumps(document, indent=1).encode("ascii") + b"\n")


def forget() -> None:
    """Remove the command; none set is no error. Raises OSError."""
    path().unlink(missing_ok=True)
