"""Storms: many processes that find a stale token at once, kills at any moment, a full disk, outages for a while."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
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
#: Runs in the namespace: moves the home to a disk of 200 kB, fills it, and asks for tokens; prints codes and words.
SCENARIO = """
import json, os, shutil, subprocess, sys, time
home, *command = sys.argv[1:]
kept = home + ".before"
os.rename(home, kept)
os.mkdir(home, 0o700)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k,mode=0700", "small", home], check=True)
shutil.copytree(kept, home, dirs_exist_ok=True, copy_function=shutil.copy2)
found = []
def ask():
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found.append([done.returncode, done.stdout.strip(), done.stderr.strip()])
def age(left):
    path = home + "/accounts/alice@example.org/cache.json"
    with open(path, "r+") as file:
        cache = json.load(file)
        for entry in cache["AccessToken"].values():
            end = int(time.time()) + left
            entry["expires_on"], entry["cached_at"] = f"{end:010}", f"{end - 3600:010}"
        file.seek(0); json.dump(cache, file, indent=1); file.truncate()
def fill():
    with open(home + "/filler", "wb", 0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            pass
fill(); age(200); ask()
age(-10); ask()
os.unlink(home + "/filler"); ask(); ask()
shutil.rmtree(kept)
shutil.copytree(home, kept)
print(json.dumps(found))
"""
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
    Full: each process refreshes for itself and hands the token out with one warning, since Microsoft allows that.

    When space is free again, one refresh is saved, and no sign-in was lost.
    """
    entra.access_token_seconds = 3600
    age(keep(entra), 200)
    script = world.root / "scenario.py"
    script.write_text(SCENARIO, encoding="utf-8")

    command = [sys.executable, str(script), str(world.home), *world.command, "token", ALICE]
    done = world.execute(["unshare", "--user", "--map-root-user", "--mount", *command])

    assert done.code == 0, f"user namespaces may be forbidden on this machine: {done.err}"
    living, expired, first, second = json.loads(done.out)
    outcomes = [living, expired, first, second]
    assert [code for code, _, _ in outcomes] == [0] * 4, done.out
    assert [len(err.splitlines()) for _, _, err in outcomes] == [1, 1, 0, 0]
    assert "No space left" in living[2]
    assert "df -h" in living[2]
    assert len({token for _, token, _ in outcomes}) == 3
    assert first == second
    assert len(entra.requests) == 3
    kept = Path(f"{world.home}.before") / "accounts" / ALICE
    assert not list(kept.glob(".cache.json.*"))


def disturb(entra: Entra, over: threading.Event, chance: random.Random) -> None:
    """Let some requests fail, every other second or so, until it is *over*."""
    while not over.wait(chance.uniform(0.5, 3)):
        entra.fail_next(TOKEN, times=chance.randint(1, 3), **chance.choice(OUTAGES))


@many_processes.sizes(6, 120)
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
