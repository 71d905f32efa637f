"""
Measure what a token costs: ``python -m tests.bench [VENV] >tests/results/bench.md``.

*VENV* is a virtual environment with this package and the library keyring (default: this interpreter's own). It needs
gnome-keyring, dbus and gnupg as the tests do. Run it as an ordinary user on an idle machine.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import trustme

from offlineimap_m365.accounts import profiles
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import engine
from tests.m365.entra import Entra
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, cache_of, keep
from tests.whole import gpg_home, keyring_daemon
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Timed = Callable[[], float]

BOB = "bob@example.org"
#: Seconds that a provider is away for the rows about a refresh.
AWAY = 0.04
_HEAD = """# What it costs

Made by `python -m tests.bench` with the package installed in a virtual environment. Each ratio is the median of pairs
that took turns in one run; the times are medians too, and of this machine. For a refresh the provider is 40 ms away.

{machine}

A warm call of `get_access_token` in a process takes {micro:.1f} µs.

| `token` | ms | against | ms | ratio | middle half |
| --- | --- | --- | --- | --- | --- |
"""


def main(venv: Path) -> None:
    """Print the table of all measurements."""
    with TemporaryDirectory(prefix="bench-") as name, Entra(Path(name), trustme.CA()) as entra:
        world = World.make(Path(name) / "world", entra.ca_file)
        world.enter()
        for person in (ALICE, BOB):
            entra.add_person(person, PASSWORD)
            keep(entra, person)
        micro = _in_process()
        rows = [*_fresh(world, venv), *_stores(world, venv, entra)]
    libraries = ", ".join(f"{library} {version(library)}" for library in ("msal", "keyring"))
    machine = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors, Linux {platform.release()}, Python"
    sys.stdout.write(_HEAD.format(machine=f"{machine} {platform.python_version()}, {libraries}.", micro=micro))
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows)


def _in_process(calls: int = 20_000) -> float:
    """Return the microseconds of a call in a process that has asked before."""
    engine.access_token(ALICE)
    start = time.perf_counter()
    for _ in range(calls):
        engine.access_token(ALICE)
    return (time.perf_counter() - start) / calls * 1e6


def _fresh(world: World, venv: Path) -> Iterator[list[str]]:
    """Compare with a bare interpreter, and a home with 1,000 accounts with one of two."""
    folder = Path(profiles.get(ALICE).folder)
    key = next(iter(cache_of(profiles.get(ALICE))["AccessToken"]))
    cache = str(folder / "cache.json")
    reader = f"import json; print(json.load(open({cache!r}))['AccessToken'][{key!r}]['secret'])"
    token = _timed(world, _token(venv))
    bare = _timed(world, [str(venv / "bin" / "python"), "-c", reader])
    yield _compare("fresh", token, "a bare interpreter that reads the JSON file", bare, 60)
    many = World(world.root, {**world.environ, "OFFLINEIMAP_M365_HOME": str(world.root / "many")})
    shutil.copytree(world.home, many.home)
    for number in range(1000):
        shutil.copytree(folder, many.home / "accounts" / f"user{number}@example.org")
    yield _compare("fresh, of 1,000 accounts", _timed(many, _token(venv)), "one of two", token, 20)


def _stores(world: World, venv: Path, entra: Entra) -> Iterator[list[str]]:
    """Compare Bob's token in the keyring and encrypted by gpg with Alice's in a file."""
    environ = world.environ
    with keyring_daemon.session(world.root, environ) as desktop, gpg_home.home(environ) as gpg:
        desktop.start_keyring()
        environ |= {"DBUS_SESSION_BUS_ADDRESS": desktop.address, "GNUPGHOME": str(gpg.path)}
        world.enter()
        fingerprint = gpg.make(f"Bob <{BOB}>", gpg_home.PASSPHRASE)
        gpg.unlock_key(fingerprint)
        for name, store in (("keyring (gnome-keyring)", "keyring"), ("gpg", f"gpg:{fingerprint}")):
            done = world.execute([*_token(venv)[:1], "store", BOB, "--to", store])
            assert done.code == 0, done.err
            for what, away, life in (("fresh", 0.0, 3000), ("refreshing", AWAY, -10)):
                entra.latency = away
                ours = _timed(world, _token(venv, BOB), partial(_set_age, BOB, life))
                theirs = _timed(world, _token(venv), partial(_set_age, ALICE, life))
                yield _compare(f"{what}, {name}", ours, "`file`", theirs, 12)
        entra.latency = 0.0


def _token(venv: Path, account: str = ALICE) -> list[str]:
    return [str(venv / "bin" / "offlineimap-m365"), "token", account]


def _timed(world: World, command: Sequence[str], prepare: Callable[[], object] = lambda: None) -> Timed:
    """Return what runs *command* once after *prepare*, and returns its seconds; it must succeed and print something."""

    def run() -> float:
        prepare()
        start = time.perf_counter()
        done = world.execute(command)
        took = time.perf_counter() - start
        assert done.code == 0, done.err
        assert done.out
        return took

    return run


def _compare(name: str, ours: Timed, other: str, theirs: Timed, runs: int) -> list[str]:
    """Let two commands take turns, after one run of each that does not count; return a row of the table."""
    pairs = [(ours(), theirs()) for _ in range(runs + 1)][1:]
    low, median, high = statistics.quantiles([one / two for one, two in pairs], n=4)
    one, two = (f"{statistics.median(column) * 1000:.1f}" for column in zip(*pairs, strict=True))
    return [name, one, other, two, f"**{median:.2f}**", f"{low:.2f} to {high:.2f}"]


def _set_age(name: str, life: float) -> None:
    """Let the access token in the account's store live for *life* seconds from now."""
    account = profiles.get(name)
    store = selection.open_store(account.store, account.folder, account.name)
    cache = json.loads(store.read() or b"")
    for entry in cache["AccessToken"].values():
        entry["expires_on"], entry["cached_at"] = str(int(time.time() + life)), str(int(time.time() + life - 3600))
    store.write(json.dumps(cache).encode("ascii"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(sys.prefix))
