"""
Wait while another process refreshes, with nothing imported that waiting does not need.

Of two hundred processes that find a stale token one refreshes; the others sleep here, and read what it got. It is the
cheap half of ``lock``: whoever may have to refresh takes that one.
"""

from __future__ import annotations

import os
import time

from offlineimap_m365 import home

#: Seconds to wait, as ``lock`` does (contract §5.7), and between two looks.
PATIENCE = 25.0
_PAUSE = 0.02


def wait(account: str | None) -> bool:
    """
    Wait until whoever holds the lock of *account* (None: the only one) gives it back; was there somebody?

    False at once where the lock is free, was never made, or cannot be asked (no ``flock`` here).
    """
    folders = [home.folder(account)] if account is not None else home.folders()
    if len(folders) != 1:
        return False
    try:
        descriptor = os.open(f"{folders[0]}/lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return _wait(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _wait(descriptor: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    has_waited = False
    while not _is_free(descriptor):
        if time.monotonic() > deadline:
            return False
        has_waited = True
        time.sleep(_PAUSE)
    return has_waited


def _is_free(descriptor: int) -> bool:
    import fcntl  # noqa: PLC0415 - a library of its own, for who waits only

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: all who wait go on together
    except BlockingIOError:
        return False
    return True
