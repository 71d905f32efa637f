"""Many processes and threads that find a stale token at the same moment, or are killed at any moment of a refresh."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, TOKEN, age, keep
from tests.whole import many_processes

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World


@many_processes.sizes(12, 200)
def test_all_share_one_refresh(world: World, entra: Entra, number: int) -> None:
    """So many processes, one of them with 64 threads: one request, though the provider forgives no second one."""
    entra.strict, entra.access_token_seconds = True, 3600
    account = keep(entra)
    age(account, -10)

    outcomes = many_processes.at_once(world, number, many_processes.with_threads(64))

    assert [(outcome.code, outcome.err) for outcome in outcomes] == [(0, "")] * (number + 1)
    tokens = [line for outcome in outcomes for line in outcome.out.splitlines()]
    assert len(tokens) == 64 + number
    assert len(set(tokens)) == 1
    assert [request.path.endswith(TOKEN) for request in entra.requests] == [True]
    assert many_processes.litter(account.folder) == []


@many_processes.sizes(12, 200)
def test_all_share_one_failure(world: World, entra: Entra, number: int) -> None:
    """A provider that is down is asked once, however many want a token: all are told 75 at once."""
    age(keep(entra), -10)
    entra.fail_next(TOKEN, times=number, status=503)

    outcomes = many_processes.at_once(world, number)

    assert {(outcome.code, outcome.out) for outcome in outcomes} == {(75, "")}
    assert len(entra.requests) == 1


def kill_during_refresh(world: World, entra: Entra, chance: random.Random) -> bool:
    """
    Start a process and kill it: now and then wherever it is, mostly while it asks or saves what it got.

    Return whether it had not ended by itself.
    """
    process = many_processes.start(world)
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0, 0.4))
    else:
        while not entra.requests and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.05))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@many_processes.sizes(12, 1000)
def test_a_kill_costs_nothing(world: World, entra: Entra, number: int) -> None:
    """Entra takes an old refresh token again: after so many kills a token is to be had each time, without a sign-in."""
    entra.access_token_seconds = 3600
    account = keep(entra)
    chance = random.Random(number)
    killed = 0
    while killed < number:
        age(account, -10)
        entra.forget()
        killed += kill_during_refresh(world, entra, chance)
        assert engine.peek(account) is not None  # what is there is whole

        assert engine.access_token(ALICE).is_good(300, time.time())

    age(account, -10)
    engine.access_token(ALICE)  # whoever writes next clears up
    assert many_processes.litter(account.folder) == []
