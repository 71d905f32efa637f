"""
The home of this program: is it there, does it belong to this user alone, and can it be written?
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import atomic_file, environment, errors, paths
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import of_error
from offlineimap_m365.recipes import template_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.check import Check, Subject

NAME = "home"
#: Bytes that are written for a trial: what a refresh may need at once.
_TRIAL = 32_768


def nobody(machine: Subject) -> Check:
    """Return the one failure where nobody ever signed in, or where another home is used than the last time."""
    error = profiles.not_signed_in("you@example.org", "Nobody is signed in")
    usual = template_values.usual_home()
    has_other = template_values.home_assignment() and os.path.isdir(os.path.join(usual, "accounts"))  # noqa: PTH112, PTH118 - one text
    other = f"To use the other home, {usual}, set OFFLINEIMAP_M365_HOME={errors.quoted(usual)}; else sign in"
    remedy = Remedy(other if has_other else "", errors.login_command("you@example.org"))
    return machine.bad("sign-in", f"{error.fact}. {error.meaning}{_origin()}", remedy)


def examine(closed: Sequence[str], machine: Subject) -> Check:
    """
    Return whether the home is there, private and writable.

    *closed* are notices about files that others could read until a moment ago.
    """
    top = Path(paths.directory())
    try:
        if not paths.check() and not os.path.lexists(top):
            return machine.untold(NAME, f"{top} is not there yet: the first login makes it{_origin()}")
        paths.folders()
        has_locks = _try_writing(top)
    except (errors.Temporary, OSError) as error:
        return _not_usable(machine, top, error)
    if top.stat().st_mode & 0o077:
        close = Remedy("Close it once its file system keeps modes", f"chmod go= {errors.quoted(str(top))}")
        return machine.bad(NAME, f"Others can read {top}, and it cannot be closed to them", close)
    notes = "".join(f"; {text}" for text in closed)
    if not has_locks:
        notes += "; its file system has no locks (flock), so each process refreshes for itself"
    return machine.good(NAME, f"{top} is yours alone and can be written{_origin()}{notes}")


def _not_usable(machine: Subject, top: Path, error: errors.Temporary | OSError) -> Check:
    """Return why the home *top* cannot be read or written."""
    where = errors.quoted(str(top))
    with contextlib.suppress(OSError):
        state = top.stat()
        if state.st_uid == os.geteuid() and state.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            return machine.bad(NAME, f"{top} is closed even to you, its owner", Remedy("", f"chmod u+rwx {where}"))
    if isinstance(error, errors.Temporary):
        return of_error(NAME, error)
    remedy = errors.cannot_write(str(top), "", error).remedy
    return machine.bad(NAME, f"Nothing can be written in {top} ({error.strerror})", remedy)


def _try_writing(top: Path) -> bool:
    """Write a file without a name into *top*; return whether files there can be locked. Raises OSError."""
    atomic_file.prove_space(str(top), _TRIAL)
    descriptor = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    finally:
        os.close(descriptor)
    return True


def _origin() -> str:
    """Return which variable names the home, if an empty environment, such as cron's, would use another one."""
    place = template_values.home_assignment()
    if not place:
        return ""
    variable = "OFFLINEIMAP_M365_HOME" if environment.home() else "XDG_DATA_HOME"
    return f"; {variable} names it, and cron and systemd look elsewhere unless they are told {place}"
