"""
One writer per account: a lock among the threads of a process, then among the processes of a machine.

``flock`` on a file that is never deleted; the kernel frees it when its holder dies. Where the file system has no
``flock`` (Lustre, some NFS) a directory made with mkdir is the lock, with host, boot and process in it.
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

from offlineimap_m365 import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds to wait for the lock: a whole exchange with the provider (20 s) and some more (contract §5.7).
PATIENCE = 25.0
#: Seconds between two looks at the lock: short beside a refresh of 200 ms, long beside a system call.
_PAUSE = 0.02
#: Seconds after which a lock directory of another machine counts as left behind: no holder needs longer than 45 s.
_ABANDONED = 120.0
_NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)

_threads: dict[str, threading.Lock] = {}
_register = threading.Lock()


@contextlib.contextmanager
def held(folder: str, account: str, patience: float = PATIENCE) -> Iterator[None]:
    """
    Hold the lock of the account in *folder*; wait at most *patience* seconds for it.

    Raises Temporary (75) if it cannot be had in time, OSError if the store cannot be written.
    """
    deadline = time.monotonic() + patience
    with _register:
        mine = _threads.setdefault(folder, threading.Lock())
    if not mine.acquire(timeout=patience):
        raise _busy(account, patience)
    try:
        with _process_lock(folder, account, deadline, patience):
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
def _process_lock(folder: str, account: str, deadline: float, patience: float) -> Iterator[None]:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(Path(folder) / "lock", flags, 0o600)
    directory: Path | None = None
    try:
        try:
            while not _flock(descriptor):
                if time.monotonic() > deadline:
                    raise _busy(account, patience)
                time.sleep(_PAUSE)
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
            directory = Path(folder) / "lock.d"
            while not _make(directory):
                if time.monotonic() > deadline:
                    raise _busy(account, patience) from None
                time.sleep(_PAUSE)
        yield
    finally:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if _is_abandoned(directory):
            # renamed first, so that of several who find it abandoned only one removes it
            aside = directory.with_name(f".lock.d.{os.getpid()}.{threading.get_ident()}.tmp")
            with contextlib.suppress(OSError):
                directory.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
        return False
    holder = {"host": socket.gethostname(), "boot": _boot(), "pid": os.getpid()}
    (directory / "holder.json").write_text(json.dumps(holder), encoding="utf-8")
    return True


def _is_abandoned(directory: Path) -> bool:
    try:
        age = time.time() - directory.stat().st_mtime
    except FileNotFoundError:
        return False  # just gone
    try:
        holder = json.loads((directory / "holder.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return age > _ABANDONED  # its holder was killed before it could write its name
    if holder.get("host") != socket.gethostname():
        return age > _ABANDONED
    return holder.get("boot") != _boot() or not _is_alive(int(holder.get("pid", 0)))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
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
