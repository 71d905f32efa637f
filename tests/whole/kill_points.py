"""
Processes that are killed before each of their steps while they move secrets from one store to another.

Run as a program with one thread, since only that may fork: ``python -m tests.whole.kill_points SOURCE TARGET STRIDE``
prints what it found as JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths
from offlineimap_m365.stores import keyring, selection
from offlineimap_m365.tokens import engine, move_store
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

#: Seconds for all kills of one call.
_PATIENCE = 300.0


def run(world: World, source: str, target: str, stride: int) -> Any:
    """Run this program in *world* and return what move() found."""
    environ = world.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "tests.whole.kill_points", source, target, str(stride)]
    done = world.execute(command, environ=environ, timeout=_PATIENCE)
    assert done.code == 0, done.err
    return json.loads(done.out)


def move(source: str, target: str, stride: str) -> list[list[Any]]:
    """
    Kill a move from *source* to *target* before each *stride*-th of its steps.

    Return after each the step, where the profile points to, whether the token was there, and which places held
    something once the move had been completed. A store is proved before the lock is taken, without a secret.
    """
    found = []
    token = engine.access_token(ALICE).value
    selection.prove = lambda *_, **__: None  # it takes long and changes nothing
    for number in itertools.count(0, int(stride)):
        move_store.move(ALICE, source)
        is_killed = _is_killed(number, lambda: move_store.move(ALICE, target))
        pointed = profiles.get(ALICE).store
        is_there = engine.access_token(ALICE).value == token
        move_store.move(ALICE, target)
        found.append([number, pointed, is_there, holders()])
        if not is_killed:
            return found
    raise AssertionError


def holders() -> list[str]:
    """Return the kinds of stores that hold something of Alice."""
    kept = selection.everywhere(paths.folder(ALICE), ALICE)
    return [selection.kind(store.name) for store in kept if store.generation() is not None]


def _fork(act: Callable[[], Any]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        act()
    except (OSError, errors.M365Error) as error:
        sys.stderr.write(f"{error}\n")
        os._exit(1)
    os._exit(0)


def _is_killed(number: int, act: Callable[[], Any]) -> bool:
    """Do *act* in a process that is killed before its step *number*: a rename, a removal, or a program it starts."""

    def act_until_then() -> None:
        steps = itertools.count()

        def before(plain: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                if next(steps) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return plain(*arguments, **options)

            return call

        os.replace, os.unlink = before(os.replace), before(os.unlink)
        subprocess.Popen = before(subprocess.Popen)  # type: ignore[misc,assignment]  # this process ends with it
        act()

    status = os.waitpid(_fork(act_until_then), 0)[1]
    assert status == 0 or os.WIFSIGNALED(status), "it failed by itself"
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    keyring.SECONDS = _PATIENCE  # on a busy machine it may answer late
    sys.stdout.write(json.dumps(move(*sys.argv[1:])))
