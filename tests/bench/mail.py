"""
A whole OfflineIMAP run of 40 folders with 8 connections: our functions against a token written into the file.
"""

from __future__ import annotations

import dataclasses
import re
import statistics
import time
from typing import TYPE_CHECKING

from tests.bench.pairs import HEADINGS, compare, table
from tests.m365.exchange import Exchange
from tests.signed_in_accounts import ALICE
from tests.whole.builds import Build
from tests.whole.sync import Sync

if TYPE_CHECKING:
    from tests.bench.place import Place

RUNS = 8
FOLDERS = ["INBOX", *(f"Project {number}" for number in range(1, 40))]
#: A user's own pythonfile, which writes down how long each of our functions took.
TIMING = """
import os, time
from offlineimap_m365 import folderfilter as plain_filter, get_access_token as plain_token
log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def timing(function):
    def call(*arguments):
        start = time.perf_counter()
        found = function(*arguments)
        os.write(log, b"%s %.9f\\n" % (function.__name__.encode(), time.perf_counter() - start))
        return found
    return call
folderfilter, get_access_token = timing(plain_filter), timing(plain_token)
"""


def syncs(here: Place) -> str:
    """Return the table of runs that find nothing new."""
    scripts = here.venv / "bin"
    build = Build("8.0.3", (str(scripts / "offlineimap"),), (str(scripts / "offlineimap-m365"),), here.venv)
    world = dataclasses.replace(here.world, command=list(build.command))
    where = here.world.root / "exchange"
    with Exchange(where, here.ca, issuers=here.entra.issuers(), keys=here.entra.keys()) as exchange:
        exchange.add_mailbox(ALICE, FOLDERS)
        exchange.fill(ALICE, per_folder=2)
        sync = Sync(world, here.entra, exchange, build)
        sync.sign_in()
        sync.configure()
        ours = sync.rc.read_text(encoding="utf-8").replace("auth_mechanisms", "maxconnections = 8\nauth_mechanisms")
        token = world.run("token", ALICE).out.strip()
        theirs = re.sub("oauth2_access_token_eval = .*", f"oauth2_access_token = {token}", ours)
        log = here.world.root / "timing.log"
        own = here.world.root / "own.py"
        own.write_text(TIMING.format(log=str(log)), encoding="utf-8")
        timing = re.sub("pythonfile = .*", f"pythonfile = {own}", ours)
        pair = compare(lambda: _run(sync, ours), lambda: _run(sync, theirs), RUNS)
        log.unlink(missing_ok=True)
        whole = [_run(sync, timing) for _ in range(3)]
        spent = [float(line.split()[1]) for line in log.read_text(encoding="utf-8").splitlines()]
        calls = len(spent) // len(whole)
    share = sum(spent) / len(whole) / statistics.mean(whole)
    rows = [["our `get_access_token` and `folderfilter`", *pair.cells(), f"{calls}", f"{share:.2%}"]]
    return table(["40 folders, 8 connections, a token in the file against", *HEADINGS, "calls", "time inside"], rows)


def _run(sync: Sync, rc: str) -> float:
    """Run OfflineIMAP with this configuration, and return its seconds."""
    sync.rc.write_text(rc, encoding="utf-8")
    start = time.perf_counter()
    done = sync.run()
    took = time.perf_counter() - start
    assert done.code == 0, done.out + done.err
    return took
