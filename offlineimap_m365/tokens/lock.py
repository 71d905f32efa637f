"""
One writer per account: a lock among the threads of a process, then among the processes of a machine.

``flock`` on a file that is never deleted; the kernel frees it when its holder dies. Where the file system has no
``flock`` (Lustre, some NFS) a directory is the lock, with host, boot and process of its holder in it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, wait_for_refresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds to wait for the lock: a whole exchange with the provider (20 s) and some more (contract §5.7).
PATIENCE = 25.0
#: Seconds between two looks at the lock: short beside a refresh of 200 ms, long beside a system call.
_PAUSE = 0.02
#: Seconds after which another machine counts as no longer holding it: with a second try a holder needs up to 45 s.
_ABANDONED = 120.0
_NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)

_threads: dict[str, threading.Lock] = {}
_register = threading.Lock()


class Overtaken(Exception):
    """Whoever held the lock has done meanwhile what it was wanted for."""


@contextlib.contextmanager
def held(
    folder: str, account: str, patience: float = PATIENCE, *, overtaken: Callable[[], bool] | None = None
) -> Iterator[None]:
    """
    Hold the lock of the account in *folder*; wait at most *patience* seconds for it.

    *overtaken* is asked while it has to wait. Raises Overtaken when that says yes, Temporary (75) if the lock cannot be
    had in time, OSError if the store cannot be written.
    """
    with _register:
        mine = _threads.setdefault(folder, threading.Lock())
        left = 0.0 if folder in wait_for_refresh.waited_out else patience
        wait_for_refresh.waited_out.discard(folder)
    deadline = time.monotonic() + left
    while not mine.acquire(timeout=min(left, _PAUSE) if overtaken else left):
        if not overtaken or time.monotonic() > deadline:
            raise _busy(account, patience)
        if overtaken():
            raise Overtaken
    try:
        with _process_lock(folder, account, deadline, patience, overtaken):
            yield
    finally:
        mine.release()


def _busy(account: str, patience: float) -> errors.Temporary:
    return errors.Temporary(
        f"{account}: another process has held the lock for {patience:.0f} s",
        account=account,
        remedy="Try again; if it stays so, look for a hanging offlineimap or offlineimap-m365 process",
    )


@contextlib.contextmanager
def _process_lock(
    folder: str, account: str, deadline: float, patience: float, overtaken: Callable[[], bool] | None
) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        while not _take(Path(folder), stack):
            if overtaken and overtaken():
                raise Overtaken
            if time.monotonic() > deadline:
                raise _busy(account, patience)
            time.sleep(_PAUSE)
        yield


def _take(folder: Path, stack: contextlib.ExitStack) -> bool:
    """Take the lock if it is free; *stack* gives it back."""
    path = folder / "lock"
    descriptor = wait_for_refresh.taken.pop(str(folder), None)  # held already, since before all this was loaded
    if descriptor is None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with contextlib.ExitStack() as mine:
        mine.callback(os.close, descriptor)
        if os.fstat(descriptor).st_size == 0 and os.fstat(descriptor).st_mode & 0o777 != 0o600:  # noqa: PLR2004
            os.fchmod(descriptor, 0o600)  # just made, under some umask
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
            if not _take_directory(folder, mine):
                return False
        if not _is_at(path, descriptor):
            return False  # a logout took the folder away, and a login made another lock: that one counts
        stack.push(mine.pop_all())
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _take_directory(folder: Path, stack: contextlib.ExitStack) -> bool:
    """
    Take the lock where there is no flock: move a directory that names its holder to ``lock.d``.

    That succeeds if nothing or an empty directory is there (rename(2)), so what holds the lock is always named. The
    name of the file in it is the holder's alone: whoever finds a dead one removes that file, and never another's.
    """
    mine = folder / f".lock.d.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    mine.mkdir(mode=0o700)
    holder = f"{os.urandom(8).hex()}.json"
    try:
        mine.chmod(0o700)
        about = {"host": socket.gethostname(), "boot": _boot(), "pid": os.getpid()}
        _write(mine / holder, json.dumps(about).encode("ascii"))
        now = mine.stat().st_mtime  # by the clock of the file system, which may be another machine's
        mine.rename(folder / "lock.d")
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        with contextlib.suppress(FileNotFoundError):  # given back in between, directory and all
            for path in list((folder / "lock.d").iterdir()):
                if _is_abandoned(path, now):
                    path.unlink(missing_ok=True)
        return False
    finally:
        shutil.rmtree(mine, ignore_errors=True)
    stack.callback(_leave, folder / "lock.d", holder)
    return True


def _leave(directory: Path, holder: str) -> None:
    with contextlib.suppress(OSError):  # what cannot be removed is abandoned once this process has ended
        (directory / holder).unlink(missing_ok=True)
        directory.rmdir()


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)


def _is_abandoned(path: Path, now: float) -> bool:
    try:
        age = now - path.stat().st_mtime
        holder = json.loads(path.read_bytes())
        host, boot, pid = holder["host"], holder["boot"], int(holder["pid"])
    except FileNotFoundError:
        return False  # just given back
    except (OSError, ValueError, KeyError, TypeError):
        return age > _ABANDONED
    if host != socket.gethostname():
        return age > _ABANDONED
    return boot != _boot() or not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _boot() -> str:
    """Return what tells this boot of the machine from the last, or an empty string (Linux's proc(5))."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
