"""One writer per account; nobody waits for ever. whole/test_storm.py has hundreds of processes."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import account_lock, errors
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from pathlib import Path


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    """Let ``os.open`` or ``fcntl.flock`` fail with this errno."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os if call == "open" else fcntl, call, fail)


def is_free(folder: Path) -> bool:
    """Could another process take the lock now?"""
    with (folder / "lock").open("rb") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event that is set as soon as somebody pauses between two tries."""
    event, plain = threading.Event(), time.sleep

    def sleep(seconds: float) -> None:
        event.set()
        plain(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    return event


@pytest.mark.parametrize("number", [None, errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_one_thread_at_a_time(tmp_path: Path, number: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sixteen threads one at a time holds the lock, also without flock; one that waited long enough gets 75."""
    if number:
        refuse(monkeypatch, "flock", number)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with account_lock.held(str(tmp_path), ALICE):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(16)]
    with account_lock.held(str(tmp_path), ALICE):
        for thread in threads:
            thread.start()
        with pytest.raises(errors.Temporary) as caught, account_lock.held(str(tmp_path), ALICE, 0.1):
            pass
    for thread in threads:
        thread.join()

    assert most == [1] * 16
    assert caught.value.account == ALICE


def test_a_busy_lock_is_temporary_and_a_failed_holder_frees_it(tmp_path: Path) -> None:
    """A lock that another process does not give back in time is 75, and not earlier; an error gives it back."""
    with pytest.raises(ZeroDivisionError), account_lock.held(str(tmp_path), ALICE):
        raise ZeroDivisionError
    with (tmp_path / "lock").open("rb") as other:  # a file opened a second time is as good as another process
        fcntl.flock(other, fcntl.LOCK_EX)
        started = time.monotonic()
        with pytest.raises(errors.Temporary), account_lock.held(str(tmp_path), ALICE, 0.3):
            pass
        assert time.monotonic() - started >= 0.3

    with account_lock.held(str(tmp_path), ALICE, 0):
        pass


@pytest.mark.parametrize("umask", [0o000, 0o277])
def test_the_lock_is_closed_to_others(tmp_path: Path, umask: int) -> None:
    """A new lock has mode 600 whatever the umask, and so it can be opened the next time."""
    before = os.umask(umask)
    try:
        for _ in range(2):
            with account_lock.held(str(tmp_path), ALICE):
                mode = (tmp_path / "lock").stat().st_mode & 0o777
    finally:
        os.umask(before)

    assert mode == 0o600


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, errors.SignInNeeded),
        (errno.ENOSPC, errors.Temporary),
        (errno.EACCES, errors.Misconfigured),
    ],
)
@pytest.mark.parametrize("call", ["open", "flock"])
def test_a_lock_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[errors.M365Error], call: str
) -> None:
    """A directory that is gone means that a logout came first (77); a full disk is 75, a closed one 78."""
    refuse(monkeypatch, call, number)

    with pytest.raises(kind) as caught, account_lock.held(str(tmp_path), ALICE):
        pass

    assert type(caught.value) is kind
    assert caught.value.account == ALICE


def test_the_lock_is_not_a_link(tmp_path: Path) -> None:
    """A symbolic link in place of the lock is not followed, and take() leaves the error to held()."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")

    assert account_lock.take(str(tmp_path))
    with pytest.raises(errors.Misconfigured), account_lock.held(str(tmp_path), ALICE):
        pass

    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_was_removed_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock file that a logout removed between opening and locking locks nothing: the one in its place counts."""
    plain = fcntl.flock
    removed: list[int] = []

    def flock(descriptor: int, operation: int) -> None:
        if not removed:
            (tmp_path / "lock").unlink()
            removed.append(descriptor)
        plain(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with account_lock.held(str(tmp_path), ALICE, 1):
        monkeypatch.undo()
        assert not is_free(tmp_path)

    assert removed


def test_a_lock_that_was_taken_early_is_the_one_that_is_held(tmp_path: Path) -> None:
    """After take() other processes wait; held() continues with that lock and gives it back."""
    assert account_lock.take(str(tmp_path))
    assert not is_free(tmp_path)
    assert account_lock.take(str(tmp_path), 60)  # the process does not wait for itself
    with account_lock.held(str(tmp_path), ALICE, 1):
        assert not is_free(tmp_path)

    assert is_free(tmp_path)


def test_waiting_ends_when_the_lock_is_given_back(tmp_path: Path, paused: threading.Event) -> None:
    """take() waits while another process or thread holds the lock, and says that it was held."""
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(account_lock.take(str(tmp_path))))

    with account_lock.held(str(tmp_path), ALICE):
        waiting.start()
        assert paused.wait(60)
        assert answers == []
    waiting.join()

    assert answers == [False]
    assert is_free(tmp_path)


def test_the_wait_is_bounded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paused: threading.Event) -> None:
    """A process that has waited as long as it may tries once more and then fails (75), and may wait the next time."""
    with account_lock.held(str(tmp_path), ALICE):
        began = time.monotonic()
        assert not account_lock.take(str(tmp_path), 0.1)
        assert time.monotonic() - began >= 0.1
        paused.clear()
        assert not account_lock.take(str(tmp_path), 60)
        account_lock._threads.pop(str(tmp_path))  # noqa: SLF001 - wait for the file, as another process does
        with pytest.raises(errors.Temporary), account_lock.held(str(tmp_path), ALICE, 60):
            pass
        assert not paused.is_set()
    monkeypatch.undo()

    with account_lock.held(str(tmp_path), ALICE, 1):
        waiting = threading.Thread(target=account_lock.take, args=[str(tmp_path)])
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join()
