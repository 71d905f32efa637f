"""
What this machine has for all accounts: the home, the command of notify, the stub that OfflineIMAP loads.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import atomic_file, environment, errors, paths
from offlineimap_m365.doctor.check import Check, of_error
from offlineimap_m365.plugin import stub
from offlineimap_m365.tokens import notify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Bytes that are written for a trial: what a refresh may need in one go.
_TRIAL = 32_768
#: Seconds for the shell to look for a program, and for our own command to tell its version.
_PATIENCE = 10.0
#: What stands before a command of a shell (POSIX, "Simple Commands").
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
#: A word that only the shell itself can tell the meaning of.
_UNTOLD = frozenset("~$`*?[(){}<>|&;!#")
_LOGIN = errors.login_command("you@example.org")


def examine(names: Sequence[str], closed: Sequence[str] = ()) -> Iterator[Check]:
    """
    Yield the checks of this machine, on which the accounts *names* are kept.

    *closed* is what was said of files that others could read until a moment ago.
    """
    found = _home(closed)
    yield found
    if found.ok is False:
        return
    if not names:
        yield _nobody()
        return
    yield _notify()
    yield _stub()


def _good(name: str, meaning: str) -> Check:
    return Check(name, ok=True, meaning=meaning)


def _bad(name: str, meaning: str, remedy: str) -> Check:
    return Check(name, ok=False, meaning=meaning, remedy=remedy)


def _nobody() -> Check:
    """Return the one failure where nobody ever signed in, or where another place is looked at than the last time."""
    error = profiles.not_signed_in("you@example.org", "Nobody is signed in")
    usual = stub.usual_home()
    if stub.place() and Path(usual, "accounts").is_dir():
        meaning = f"{error.fact} here. {error.meaning}{_whence()}"
        advice = f"There is another home, {usual}: if that is meant, set OFFLINEIMAP_M365_HOME={errors.quoted(usual)}"
        return _bad("sign-in", meaning, f"{advice}; else sign in. Run: {_LOGIN}")
    return _bad("sign-in", f"{error.fact}. {error.meaning}{_whence()}", f"Run: {_LOGIN}")


# The home


def _home(closed: Sequence[str]) -> Check:
    """Return whether the home is there, ours, closed, and takes something."""
    try:
        top = Path(paths.directory())
        if not os.path.lexists(top) and os.access(_nearest(top), os.X_OK):
            return Check("home", ok=None, meaning=f"{top} is not there yet: the first login makes it{_whence()}")
        wrong = _shut(top)
        if wrong:
            return wrong
        paths.check(str(top / "accounts" / ".nobody"))
        paths.folders()
    except errors.Temporary as error:
        if os.path.islink(top):  # noqa: PTH114 - pathlib's raises where it may not look (before Python 3.13)
            return of_error("home", error)
        ticket = "On a network file system a ticket may be missing (kinit, aklog), as in cron"
        return _bad("home", error.fact, f"{ticket}. Run: ls -ld {errors.quoted(str(top))}")
    except errors.M365Error as error:
        return of_error("home", error)
    told = "".join(f"; {text}" for text in closed)
    return _unfit(top) or _good("home", f"{top} is yours alone and can be written{_whence()}{told}")


def _nearest(path: Path) -> Path:
    """Return the nearest directory above *path* that is there."""
    return next((above for above in path.parents if os.path.lexists(above)), path)


def _shut(top: Path) -> Check | None:
    """Return that the home *top* is no directory, or one that its owner shut, None if it is open to them."""
    try:
        found = top.stat()
    except OSError:
        return None  # home.check says so
    where = errors.quoted(str(top))
    if not stat.S_ISDIR(found.st_mode):
        return _bad("home", f"{top} is not a directory", f"Move it away. Run: mv {where} {errors.quoted(f'{top}.old')}")
    if found.st_uid == os.geteuid() and found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        return _bad("home", f"{top} is closed even to you, its owner", f"Run: chmod u+rwx {where}")
    return None


def _unfit(top: Path) -> Check | None:
    """Return what is wrong with the home *top* although it is ours, None if nothing is."""
    if top.stat().st_mode & 0o077:
        meaning = f"Others can read {top}, and it cannot be closed to them"
        advice = "Once its file system can be written and keeps modes, close it"
        return _bad("home", meaning, f"{advice}. Run: chmod go= {errors.quoted(str(top))}")
    try:
        _try(top)
    except OSError as error:
        return _full(top, error)
    return None


def _try(top: Path) -> None:
    """Write something into *top* and remove it again. Raises OSError."""
    path = atomic_file.temporary(str(top / "doctor"))
    for left in atomic_file.litter(str(top / "doctor")):  # of one that was killed
        atomic_file.remove(left)
    try:
        atomic_file.fill(path, b"\0" * _TRIAL)
    finally:
        atomic_file.remove(path)


def _full(top: Path, error: OSError) -> Check:
    """Return the failure of a home that takes nothing."""
    where = errors.quoted(str(top))
    meaning = f"Nothing can be written in {top} ({error.strerror})"
    if error.errno in errors.PASSING:
        return _bad("home", f"{meaning}, so no new token could be kept", f"Make room there. Run: df -h {where}")
    advice = "Let it be written, in a unit of systemd by ReadWritePaths=, and look what is mounted"
    return _bad("home", meaning, f"{advice}. Run: findmnt --target {where}")


def _whence() -> str:
    """Return where the home's place comes from, if an empty environment, such as cron's, would look elsewhere."""
    place = stub.place()
    if not place:
        return ""
    named = "OFFLINEIMAP_M365_HOME" if environment.home() else "XDG_DATA_HOME"
    return f"; {named} names it, and cron and systemd look elsewhere unless they are told {place}"


# What tells a person


def _notify() -> Check:
    """Return whether the command of notify can be run, if one is set."""
    off = f"Look at it, then set the command anew with notify --command. Run: {errors.COMMAND} notify --off"
    try:
        chosen = notify.command()
    except errors.Misconfigured as error:
        return _bad("notify", error.fact, off)
    if chosen is None:
        samples = f"{errors.COMMAND} config notify"
        return _good("notify", f"No command is set that tells you when an account needs you; samples: {samples}")
    missing = _missing_program(chosen)
    if missing:
        return _bad("notify", f"The command of notify cannot run: {missing}", off)
    return _good("notify", "A command is set that tells you when an account needs you")


def _missing_program(chosen: str) -> str:
    """Return what is wrong with the command *chosen*, as the shell sees it before it runs it; "" if nothing is."""
    if _shell("-n", "-s", script=chosen):
        return "the shell does not understand it"
    try:
        words = shlex.split(chosen, comments=True)
    except ValueError:  # the shell knows more kinds of quotes
        return ""
    first = next((word for word in words if not _ASSIGNMENT.match(word)), "")
    if not first or _UNTOLD.intersection(first) or not _shell("-c", 'command -v -- "$1"', "sh", first):
        return ""
    return f"there is no program “{first}”"


def _shell(*arguments: str, script: str = "") -> int:
    """
    Return the exit code of a shell with *arguments*, 0 if it comes to no end.

    A *script* goes through standard input: it may hold a secret, and everybody sees the arguments of a process.
    """
    try:
        return subprocess.run(
            ["/bin/sh", *arguments],
            input=script.encode("utf-8", "surrogateescape"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        ).returncode
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0


# What OfflineIMAP loads


def _stub() -> Check:
    """Return whether OfflineIMAP's pythonfile is there, and leads to a program that runs."""
    path, anew = stub.stub_path(), f"{errors.COMMAND} config --pythonfile"
    fault = stub.stub_fault()
    if fault and stub.is_foreign_stub():
        move = f"mv {errors.quoted(str(path))} {errors.quoted(f'{path}.mine')}"
        return _bad("stub", f"{path} {fault}", f"Move it away and write the right one. Run: {move} && {anew}")
    fault = fault or _lame(stub.recorded_command())
    if fault:
        return _bad("stub", f"{path}, which OfflineIMAP loads, {fault}", f"Write it anew. Run: {anew}")
    return _good("stub", f"For OfflineIMAP: pythonfile = {path}")


def _lame(command: list[str]) -> str:
    """Return that the *command* in the stub does not run, as the rest of a sentence; "" if it does."""
    if not command:
        return "names no command"
    try:
        done = subprocess.run(
            [*command, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            env=environment.for_child(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"names a command that does not come to an end: {shlex.join(command)}"
    except OSError as error:
        return f"names a command that cannot be run ({error.strerror}): {shlex.join(command)}"
    code = done.returncode
    return f"names a command that ends with exit code {code}: {shlex.join(command)}" if code else ""
