"""Storms: many processes that find a stale token at once, kills at any moment, a full disk, outages for a while."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, TOKEN, age, keep
from tests.whole import many_processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.world import World

#: Asks in 64 threads at once and prints what they got, one line each.
THREADS = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from offlineimap_m365 import get_access_token
start = Barrier(64)
def ask(_):
    start.wait()
    return get_access_token("alice@example.org")
with ThreadPoolExecutor(64) as pool:
    print(*pool.map(ask, range(64)), sep=chr(10))
"""
#: Runs in the namespace: moves the home to a disk of 200 kB, fills it, and asks for tokens; lists the account's files.
FULL_DISK = """
home=$1
shift
cp -a "$home" "$home.before"
mount -t tmpfs -o size=200k,mode=0700 small "$home"
cp -a "$home.before/." "$home"
cat /dev/zero >"$home/filler" 2>/dev/null || "$@"
rm "$home/filler"
"$@"
"$@"
ls "$home"/accounts/*
"""
#: What goes wrong at the provider, by turns.
OUTAGES: tuple[dict[str, Any], ...] = (
    {"status": 503, "headers": {"Retry-After": "1"}},
    {"status": 429, "headers": {"Retry-After": "2"}},
    {"status": 200, "body": "<html>Welcome to this hotel</html>"},
    {"drop": "before"},
    {"drop": "after"},
)


@many_processes.sizes(12, 200)
def test_all_share_one_refresh(world: World, entra: Entra, number: int) -> None:
    """So many processes, one of them with 64 threads: one request, though the provider forgives no second one."""
    entra.strict, entra.access_token_seconds = True, 3600
    account = keep(entra)
    age(account, -10)

    outcomes = many_processes.at_once(world, number, [sys.executable, "-c", THREADS])

    assert [(outcome.code, outcome.err) for outcome in outcomes] == [(0, "")] * (number + 1)
    tokens = [line for outcome in outcomes for line in outcome.out.splitlines()]
    assert len(tokens) == 64 + number
    assert len(set(tokens)) == 1
    assert [request.path.endswith(TOKEN) for request in entra.requests] == [True]
    assert many_processes.litter(account.folder) == []


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


@many_processes.sizes(12, 300)
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


def test_a_full_disk(world: World, entra: Entra) -> None:
    """
    Full: the process refreshes for itself and hands the token out with one warning, since Microsoft allows that.

    When space is free again, one refresh is saved, and no sign-in was lost.
    """
    entra.access_token_seconds = 3600
    age(keep(entra), -10)
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-ec", FULL_DISK, "sh"]

    done = world.execute([*namespace, str(world.home), *world.command, "token", ALICE])

    assert done.code == 0, f"user namespaces may be forbidden on this machine: {done.err}"
    full, first, second, *files = done.out.split()
    assert full != first == second
    assert len(entra.requests) == 2
    assert done.err.count("No space left") == len(done.err.splitlines()) == 1
    assert "df -h" in done.err
    assert set(files) <= {"cache.json", "profile.json", "state.json", "lock"}


@many_processes.sizes(6, 120)
def test_a_soak(world: World, entra: Entra, number: int, record_property: Callable[[str, object], None]) -> None:
    """In so many seconds of outages and kills all get a token or 75, nothing hammers, and afterwards all is well."""
    entra.access_token_seconds = 305
    account = keep(entra)
    age(account, -10)
    chance = random.Random(number)
    codes: Counter[int] = Counter()
    end = time.monotonic() + number

    while time.monotonic() < end:
        if chance.random() < 0.2:
            entra.fail_next(TOKEN, times=chance.randint(1, 3), **chance.choice(OUTAGES))
        process = many_processes.start(world)
        try:
            out, err = process.communicate(timeout=chance.choice([0.1, 0.3, 5]))
            assert process.returncode in (0, 75), err
            assert bool(out) == (process.returncode == 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        codes[process.returncode] += 1
        time.sleep(chance.uniform(0, 0.2))

    entra.ordered.clear()
    asked = entra.count(TOKEN)
    assert asked < number + codes[-9] + 3
    found = engine.access_token(ALICE, engine.Wanted(impatient=True))
    assert found.is_good(290, time.time())
    age(account, -10)
    engine.access_token(ALICE)  # whoever writes next clears up
    assert many_processes.litter(account.folder) == []
    record_property("figures", f"{number} s: {asked} requests, exit codes {dict(codes)}")
