"""Processes killed at any moment of a refresh: nothing is lost that a provider's manners do not cost."""

from __future__ import annotations

import random
import sys
import time
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, age, keep
from tests.whole import many_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.m365.entra import Entra
    from tests.world import World

#: Refreshes, and writes down in a file how far it came: each line is one system call, so a kill tears none.
LOGGING = """
import os, sys
from offlineimap_m365.provider import msal_client
from offlineimap_m365.tokens import engine
log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
refresh, replace = msal_client.refresh, os.replace
def answered(*arguments):
    os.write(log, b"asks ")
    found = refresh(*arguments)
    os.write(log, b"answered ")
    return found
def moved(source, target):
    replace(source, target)
    if target.endswith("cache.json"):
        os.write(log, b"renamed ")
msal_client.refresh, os.replace = answered, moved
engine.access_token(sys.argv[1])
"""


def kill_during_refresh(world: World, entra: Entra, chance: random.Random, command: Sequence[str] = ()) -> None:
    """Start a process and kill it: now and then wherever it is, mostly while it asks or saves what it got."""
    asked = len(entra.requests)
    process = many_processes.start(world, command)
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0, 0.4))
    else:
        while len(entra.requests) == asked and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.05))
    process.kill()
    process.communicate()


@many_processes.sizes(12, 1000)
def test_a_lenient_provider_costs_nothing(world: World, entra: Entra, number: int) -> None:
    """Entra takes an old refresh token again: after every kill a token is to be had at once, without a sign-in."""
    entra.access_token_seconds = 3600
    account = keep(entra)
    chance = random.Random(number)
    for _ in range(number):
        age(account, -10)
        kill_during_refresh(world, entra, chance)
        assert engine.peek(account) is not None  # what is there is whole

        assert engine.access_token(ALICE).is_good(300, time.time())

    age(account, -10)
    engine.access_token(ALICE)  # whoever writes next clears up
    assert many_processes.litter(account.folder) == []


@many_processes.sizes(12, 1000)
def test_a_strict_provider_costs_what_fell_into_the_gap(
    world: World, entra: Entra, number: int, record_property: Callable[[str, object], None]
) -> None:
    """A sign-in ends only where the kill fell between the provider's answer and our rename: both logs say so."""
    entra.strict, entra.access_token_seconds = True, 3600
    account = keep(entra)
    chance = random.Random(number)
    ended = saved = 0
    for turn in range(number):
        log = world.root / f"{turn}.log"
        command = [sys.executable, "-c", LOGGING, ALICE, str(log)]
        age(account, -10)
        entra.forget()
        kill_during_refresh(world, entra, chance, command)
        ours = log.read_text().split() if log.exists() else []
        time.sleep(0.01 if ours else 0)  # an answer that the kill overtook is still being noted
        theirs = [request.status for request in entra.requests]
        try:
            assert engine.access_token(ALICE).is_good(300, time.time())
        except errors.SignInNeeded:
            ended += 1
            assert ours[:1] == ["asks"], turn
            assert "renamed" not in ours, turn
            assert len(theirs) == 1, turn
            keep(entra)
        else:
            saved += theirs == [200] and "renamed" not in ours

    record_property("figures", f"{number} kills: {ended} ended a sign-in, {saved} in the gap did not")
    assert ended < number
    age(account, -10)
    engine.access_token(ALICE)  # whoever writes next clears up
    assert many_processes.litter(account.folder) == []
