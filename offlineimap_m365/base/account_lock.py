"""
One writer per account: a lock on the file ``lock`` in its directory, which is never deleted.

Of two hundred processes that find a stale token, one takes the lock before it imports what a refresh needs; the others
wait here, with next to nothing imported, and then read what it saved. The kernel frees the lock (flock(2)) when its
holder dies. Where the file system has no flock (Lustre, some NFS) it excludes the threads of this process only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds to wait for the lock: a whole exchange with the provider (20 s) and some more (contract §5.7).
WAIT = 25.0
#: Seconds between two tries: short beside a refresh of 200 ms, long beside a system call.
_PAUSE = 0.02
#: A pipe in its place is not waited for.
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)

_threads: dict[str, threading.Lock] = {}
#: Descriptors of the locks that take() took, by the account's directory.
_taken: dict[str, int] = {}
#: Directories for whose lock take() has waited as long as it may, so that held() tries only once more.
_waited: set[str] = set()


@contextlib.contextmanager
def held(folder: str, account: str, seconds: float = WAIT) -> Iterator[None]:
    """
    Hold the lock of *account*, whose directory is *folder*; wait at most *seconds* for it.

    Raises Temporary (75) if it cannot be had in time, SignInNeeded if there is no such directory, and Temporary or
    Misconfigured if the lock cannot be written.
    """
    deadline = time.monotonic() + (0.0 if folder in _waited else seconds)
    _waited.discard(folder)
    thread = _threads.setdefault(folder, threading.Lock())
    if not thread.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise _busy(account)
    try:
        try:
            descriptor = _try(folder)
            while descriptor is None and time.monotonic() < deadline:
                time.sleep(_PAUSE)
                descriptor = _try(folder)
        except FileNotFoundError as error:  # logout --all came first
            raise errors.SignInNeeded(
                f"{account} is not signed in: {folder} was removed",
                account=account,
                remedy=Remedy("", errors.login_command(account)),
            ) from error
        except OSError as error:
            raise errors.cannot_write(folder, account, error) from error
        if descriptor is None:
            raise _busy(account)
        try:
            yield
        finally:
            os.close(descriptor)
    finally:
        thread.release()


def take(folder: str, seconds: float = WAIT) -> bool:
    """
    Take the lock for the held() that follows in this process; return False if somebody else had it.

    Then this only waits, at most *seconds*, until it is given back: what was saved meanwhile may be all that is needed.
    """
    if folder in _taken:
        return True
    deadline = time.monotonic() + (0.0 if folder in _waited else seconds)
    with contextlib.suppress(OSError):  # held() meets it again
        descriptor = _try(folder)
        if descriptor is not None:
            _taken[folder] = descriptor
            return True
        descriptor = os.open(f"{folder}/lock", _FLAGS)
        try:
            while not _lock(descriptor, fcntl.LOCK_SH):  # shared, so that all who wait go on together
                if time.monotonic() > deadline:
                    _waited.add(folder)
                    break
                time.sleep(_PAUSE)
        finally:
            os.close(descriptor)
        return False
    return True


def _try(folder: str) -> int | None:
    """Return the descriptor of the lock, whose closing gives it back, if it is free now."""
    path = f"{folder}/lock"
    descriptor = _taken.pop(folder, None)
    if descriptor is None:
        descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o600)
    is_locked = False
    try:
        os.fchmod(descriptor, 0o600)  # it may have been created under another umask
        is_locked = _lock(descriptor, fcntl.LOCK_EX) and _is_at(path, descriptor)
    finally:
        if not is_locked:
            os.close(descriptor)
    return descriptor if is_locked else None


def _lock(descriptor: int, operation: int) -> bool:
    """Lock the open file without waiting; return whether it is locked, or cannot be since there is no flock here."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            raise
    return True


def _is_at(path: str, descriptor: int) -> bool:
    """Is the open file still the lock? A logout removes it with its directory, and a login makes another one."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _busy(account: str) -> errors.Temporary:
    return errors.Temporary(
        f"{account}: another process is using the sign-in (it has not given back the lock in time)",
        account=account,
        remedy=Remedy("Try again; if it stays so, end the process that hangs", "pgrep -fl offlineimap"),
    )
