"""Every write stopped after each of its steps, and every step refused: the last good state or the new one, always."""

from __future__ import annotations

import errno
import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.stores.file import FileStore
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, TOKEN, age, keep
from tests.unit.crash_simulation import Disk, Recorder, lay_out

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix

#: One of those that may pass, and one that does not (errors.for_oserror() tells them apart).
NUMBERS = {errno.ENOSPC: errors.Temporary, errno.EACCES: errors.Misconfigured}
BEFORE, AFTER = b'{"state": "before"}', b'{"state": "after", "more": "of it"}'


def write(folder: Path) -> None:
    """Write as a refresh does."""
    FileStore(str(folder)).write(AFTER)


def recorded(folder: Path) -> list[tuple[str, Any, Any]]:
    """Return all calls by which a refresh writes to a folder with the last state in it."""
    lay_out(folder, {"cache.json": BEFORE})
    with Recorder(folder) as recorder:
        write(folder)
    return recorder.calls


def read(folder: Path) -> bytes | None:
    """Read as every process does."""
    return FileStore(str(folder)).read()


def test_a_kill_after_each_call(tmp_path: Path) -> None:
    """Killed after any call, the last state or the new one is there, and the next writer clears up and writes."""
    calls = recorded(tmp_path / "first")
    disk = Disk({"cache.json": BEFORE})
    seen = []
    for number, call in enumerate(calls):
        disk.apply(*call)
        folder = tmp_path / str(number)
        lay_out(folder, disk.after_kill())
        seen.append(read(folder))
        write(folder)
        assert [path.name for path in folder.iterdir()] == ["cache.json"]
        assert read(folder) == AFTER

    at = seen.index(AFTER)
    assert seen == [BEFORE] * at + [AFTER] * (len(seen) - at)
    assert at > 0


def test_power_lost_after_each_call(tmp_path: Path) -> None:
    """Whatever of what was not synced is lost, the last state or the new one is there; at the end only the new one."""
    calls = recorded(tmp_path / "first")
    disk = Disk({"cache.json": BEFORE})
    number = itertools.count()
    for call in calls:
        disk.apply(*call)
        for files in disk.after_power_loss():
            folder = tmp_path / str(next(number))
            lay_out(folder, files)
            assert read(folder) in (BEFORE, AFTER), (call, files)

    assert all(files["cache.json"] == AFTER for files in disk.after_power_loss())
    assert next(number) > len(calls)


def test_a_writer_that_does_not_sync_would_be_found(tmp_path: Path) -> None:
    """The disks above show a write whose data was not synced before its rename as what it is: broken."""
    calls = [call for call in recorded(tmp_path / "first") if call[0] != "fsync"]
    disk = Disk({"cache.json": BEFORE})

    for call in calls:
        disk.apply(*call)

    assert any(files.get("cache.json") not in (BEFORE, AFTER) for files in disk.after_power_loss())


@pytest.mark.parametrize("stays", [False, True], ids=["once", "from then on"])
def test_each_call_refused(tmp_path: Path, stays: bool) -> None:
    """Whichever call is refused, the write fails with the last state or the new one there, or succeeds."""
    calls = len(recorded(tmp_path / "first"))
    for position in range(calls):
        folder = tmp_path / str(position)
        lay_out(folder, {"cache.json": BEFORE})
        failed = None
        with Recorder(folder, position, errno.EIO, stays):
            try:
                write(folder)
            except OSError as error:
                failed = error.errno

        assert read(folder) in ((BEFORE, AFTER) if failed else (AFTER,)), position
        assert failed in (None, errno.EIO)
        write(folder)
        assert [path.name for path in folder.iterdir()] == ["cache.json"]

    assert calls >= 5


def ask() -> errors.M365Error | None:
    """Ask for a token that must be a good one; return the error if there is none."""
    try:
        assert engine.access_token(ALICE).is_good(200, time.time())
    except errors.M365Error as error:
        return error
    return None


@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
def test_a_refresh_with_each_call_refused(world: World, entra: Entra, heard: list[str], number: int) -> None:
    """Whichever call a refresh is refused: a token or a typed error, one request at most, and no sign-in is lost."""
    account = keep(entra)
    refused = 0
    for position in itertools.count():
        age(account, -10)
        entra.forget()
        with Recorder(Path(account.folder), position, number) as recorder:
            trouble = ask()
        if trouble:
            assert type(trouble) is NUMBERS[number], position
            assert entra.count(TOKEN) == 0, position
        refused += trouble is not None
        assert entra.count(TOKEN) <= 1
        assert ask() is None
        if len(recorder.calls) <= position:
            break

    assert 0 < refused < position


def test_a_token_that_could_not_be_saved(world: World, entra: Entra, heard: list[str]) -> None:
    """If the folder takes nothing after the answer, this process has a token, and the next one refreshes again."""
    account = keep(entra)
    age(account, -10)
    with Recorder(Path(account.folder)) as recorder:
        engine.access_token(ALICE)
    calls = [name for name, first, _ in recorder.calls if "cache.json" in first]
    age(account, -10)
    entra.forget()

    with Recorder(Path(account.folder), calls.index("replace"), errno.EACCES, stays=True):
        tokens = {engine.access_token(ALICE).value for _ in range(3)}
    requests = entra.count(TOKEN)
    engine._memory.clear()  # noqa: SLF001 - as the end of the process does

    assert (len(tokens), requests, len(heard)) == (1, 1, 1)
    assert tokens.isdisjoint(world.secrets(ALICE))
    assert engine.access_token(ALICE).is_good(200, time.time())
    assert not list(Path(account.folder).glob(".cache.json.*"))
