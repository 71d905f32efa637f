"""
Take turns with other processes, with nothing imported that this does not need.

Of two hundred processes that find a stale token one refreshes; the others sleep here, and read what it got. The one
takes the lock before it loads what refreshing needs, lest all of them load it; ``lock`` goes on with what it took.
"""

from __future__ import annotations

import os
import time

from offlineimap_m365.base import paths

#: Seconds to wait, as ``lock`` does (contract §5.7), and between two looks.
PATIENCE = 25.0
_PAUSE = 0.02


#: Locks that this process took here, by the account's folder: descriptors that whoever goes on with one must close.
taken: dict[str, int] = {}
#: Accounts' folders for whose lock this process has waited as long as it may: it is asked for once more, at once.
waited_out: set[str] = set()


def wait(account: str | None) -> bool:
    """
    Wait until whoever holds the lock of *account* (None: the only one) gives it back; was there somebody?

    If not, the lock is ours now. False, too, where there is none yet or it cannot be asked (no ``flock`` here).
    """
    folders = [paths.folder(account)] if account is not None else paths.folders()
    if len(folders) != 1:
        return False
    try:
        descriptor = os.open(f"{folders[0]}/lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if _get(descriptor, "LOCK_EX"):
            taken[folders[0]] = os.dup(descriptor)
            return False
        has_ended = _wait(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    if not has_ended:
        waited_out.add(folders[0])
    return has_ended


def _wait(descriptor: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not _get(descriptor, "LOCK_SH"):  # shared: all who wait go on together
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _get(descriptor: int, manner: str) -> bool:
    import fcntl  # noqa: PLC0415 - a library of its own, not for a fresh token

    try:
        fcntl.flock(descriptor, getattr(fcntl, manner) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
