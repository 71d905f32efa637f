"""The order in which a refresh writes, and every step of it refused: the last good state or the new one, always."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.stores.file import FileStore
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, TOKEN, age, keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix

#: One of those that may pass, and one that does not (errors.for_oserror() tells them apart).
NUMBERS = {errno.ENOSPC: errors.Temporary, errno.EACCES: errors.Misconfigured}
#: The calls that are noted.
_BY_DESCRIPTOR = ("write", "fsync", "fchmod")
_BY_PATH = ("open", "replace", "unlink")


@dataclasses.dataclass
class Recorder:
    """
    Notes what is done to files in *folder*, while it is entered; *calls* are (name, arguments) in their order.

    With *number* the call at *fails* does not succeed, nor any after it if *stays*: a write is half done, all else not
    at all.
    """

    folder: Path
    fails: int | None = None
    number: int = 0
    stays: bool = False
    calls: list[tuple[str, Any, Any]] = dataclasses.field(default_factory=list)
    _plain: dict[str, Callable[..., Any]] = dataclasses.field(default_factory=dict)
    _open: dict[int, str] = dataclasses.field(default_factory=dict)

    def __enter__(self) -> Self:
        """Stand between ``os`` and who calls it."""
        for name in (*_BY_DESCRIPTOR, *_BY_PATH, "close"):
            self._plain[name] = getattr(os, name)
            setattr(os, name, self._replacement(name))
        return self

    def __exit__(self, *_: object) -> None:
        """Step aside."""
        for name, plain in self._plain.items():
            setattr(os, name, plain)

    def _replacement(self, name: str) -> Callable[..., Any]:
        act = self._close if name == "close" else self._by_path if name in _BY_PATH else self._by_descriptor

        def call(first: Any, *others: Any, **options: Any) -> Any:
            return act(name, first, *others, **options)

        return call

    def _close(self, _: str, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        self._plain["close"](descriptor)

    def _by_descriptor(self, name: str, descriptor: int, *others: Any) -> Any:
        if descriptor not in self._open:
            return self._plain[name](descriptor, *others)
        if name == "write" and self._is_refused():
            half = bytes(others[0])[: len(others[0]) // 2]
            self._plain["write"](descriptor, half)
            others = (half,)
        self.calls.append((name, self._open[descriptor], bytes(others[0]) if name == "write" else others))
        self._refuse()
        return self._plain[name](descriptor, *others)

    def _by_path(self, name: str, path: Any, *others: Any, **options: Any) -> Any:
        folder, _, file = str(path).rpartition("/")
        if name == "open" and str(path) == str(self.folder) and others[0] & os.O_NOFOLLOW:
            return self._plain[name](path, *others, **options)  # to judge the folder; without it, to sync it
        if str(path) == str(self.folder):
            file = ""
        elif folder != str(self.folder) or (name == "open" and file in ("lock", "profile.json")):
            return self._plain[name](path, *others, **options)
        what = "create" if name == "open" and not os.path.lexists(path) else name
        target = str(others[0]).rpartition("/")[2] if name == "replace" else None
        self.calls.append((what, file, target))
        self._refuse()
        found = self._plain[name](path, *others, **options)
        if name == "open":
            self._open[found] = file
        return found

    def _is_refused(self) -> bool:
        at = len(self.calls)
        return self.fails is not None and (at == self.fails or (self.stays and at > self.fails))

    def _refuse(self) -> None:
        """Refuse the call that was noted last, if it is one of those."""
        at = len(self.calls) - 1
        if self.fails is not None and (at == self.fails or (self.stays and at > self.fails)):
            raise OSError(self.number, os.strerror(self.number))


def test_a_write_survives_a_loss_of_power(tmp_path: Path) -> None:
    """What is new is synced before it replaces the last state, and the folder after that: one of the two is whole."""
    with Recorder(tmp_path) as recorder:
        FileStore(str(tmp_path)).write(b"{}")

    new = recorder.calls[0][1]
    steps = [call[:2] for call in recorder.calls if call[0] in {"create", "write", "fsync", "replace"}]
    assert steps == [("create", new), ("write", new), ("fsync", new), ("replace", new), ("fsync", "")]
    assert ("replace", new, "cache.json") in recorder.calls


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
