"""Mail for a while: tokens that are fresh for five seconds, programs killed at random, outages of the provider."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, TOKEN, age, keep
from tests.whole import many_processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.world import World

#: A program that stays, as OfflineIMAP does: four threads that want a token all the time; a line per kind of answer.
STAYING = """
import collections, sys, threading, time
from offlineimap_m365 import M365Error, Temporary, get_access_token
seen, end = collections.Counter(), time.monotonic() + float(sys.argv[1])
def work():
    while time.monotonic() < end:
        try:
            seen["token" if get_access_token("alice@example.org") else "nothing"] += 1
        except Temporary:
            seen["temporary"] += 1
        except M365Error as error:
            seen[str(error)] += 1
        time.sleep(0.05)
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(*seen)
"""
#: What goes wrong at the provider, by turns.
OUTAGES: tuple[dict[str, object], ...] = (
    {"status": 503, "headers": {"Retry-After": "1"}},
    {"status": 429, "headers": {"Retry-After": "2"}},
    {"status": 200, "body": "<html>Welcome to this hotel</html>"},
    {"drop": "before"},
    {"drop": "after"},
)


def disturb(entra: Entra, over: threading.Event, chance: random.Random) -> None:
    """Let some requests fail, every other second or so, until it is *over*."""
    while not over.wait(chance.uniform(0.5, 3)):
        entra.fail_next(TOKEN, times=chance.randint(1, 3), **chance.choice(OUTAGES))


@many_processes.sizes(6, 300)
def test_a_soak(world: World, entra: Entra, number: int, record_property: Callable[[str, object], None]) -> None:
    """For so many seconds nobody is told anything but a token or 75, nothing hammers, and afterwards all is well."""
    entra.access_token_seconds = 305
    account = keep(entra)
    age(account, -10)
    chance, over = random.Random(number), threading.Event()
    disturbing = threading.Thread(target=disturb, args=(entra, over, chance))
    disturbing.start()
    staying = [many_processes.start(world, [sys.executable, "-c", STAYING, str(number)]) for _ in range(2)]
    codes: Counter[int] = Counter()
    end = time.monotonic() + number

    while time.monotonic() < end:
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

    over.set()
    disturbing.join()
    said = [many_processes.finish(process) for process in staying]
    entra.ordered.clear()
    asked = entra.count(TOKEN)
    assert [(outcome.code, outcome.err) for outcome in said] == [(0, "")] * 2
    words = {word for outcome in said for word in outcome.out.split()}
    assert "token" in words <= {"token", "temporary"}
    assert asked < number + codes[-9] + 3
    found = engine.access_token(ALICE, engine.Wanted(impatient=True))
    assert found.is_good(290, time.time())
    age(account, -10)
    engine.access_token(ALICE)  # whoever writes next clears up
    assert many_processes.litter(account.folder) == []
    record_property("figures", f"{number} s: {asked} requests, exit codes {dict(codes)}")
