"""
A fresh token: our command against a bare interpreter that reads JSON, against mutt_oauth2.py, against MSAL.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.tokens import engine
from tests.bench.pairs import HEADINGS, compare, table, timed
from tests.bench.refresh import msal_program
from tests.signed_in_accounts import ALICE, age, cache_of

if TYPE_CHECKING:
    from tests.bench.place import Place

RUNS = 60


def warm(here: Place, mutt: Path | None) -> str:
    """Return the table of a `token` that is fresh."""
    age(here.account, 3000)
    key = next(iter(cache_of(here.account)["AccessToken"]))
    reader = f"import json; print(json.load(open({str(here.cache)!r}))['AccessToken'][{key!r}]['secret'])"
    others = {"a bare interpreter that reads the JSON file": [here.python, "-c", reader]}
    if mutt is not None:
        others["mutt_oauth2.py (Debian's mutt), without gpg"] = _mutt(here, mutt)
    others["MSAL's silent call, `instance_discovery=False`"] = [here.python, "-c", msal_program(here, force=False)]
    rows = []
    for name, command in others.items():
        pair = compare(timed(here.world, here.token), timed(here.world, command), RUNS)
        rows.append([name, *pair.cells()])
    return table(["`token`, fresh, against", *HEADINGS], rows)


def _mutt(here: Place, script: Path) -> list[str]:
    """Return the command that reads the same token; gpg is left out, in its favour: `cat` stands for it."""
    copy = here.world.root / "mutt_oauth2.py"
    text = script.read_text(encoding="utf-8").replace("['gpg', '--decrypt']", "['cat']")
    copy.write_text(text, encoding="utf-8")
    file = here.world.root / "mutt-token"
    end = dt.datetime.now() + dt.timedelta(hours=1)  # noqa: DTZ005 - the script's own form
    token = {
        "registration": "microsoft",
        "authflow": "authcode",
        "email": ALICE,
        "access_token": engine.access_token(ALICE).value,
        "access_token_expiration": end.isoformat(),
        "refresh_token": "none",
    }
    file.write_text(json.dumps(token), encoding="utf-8")
    file.chmod(0o600)
    return [here.python, str(copy), str(file)]


def fetch_mutt(folder: Path) -> Path | None:
    """Fetch Debian's mutt package into *folder* and return the script in it; None where that is not to be had."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    done = subprocess.run(["apt-get", "download", "mutt"], cwd=folder, capture_output=True, check=False)
    packages = list(folder.glob("mutt_*.deb"))
    if done.returncode != 0 or not packages:
        return None
    subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(folder / "mutt")], check=True)
    return next((folder / "mutt").rglob("mutt_oauth2.py"), None)


def many_accounts(here: Place) -> str:
    """Return the table of a fresh `token` with many accounts, against one with one."""
    age(here.account, 3000)
    top = Path(here.account.folder).parent
    hidden = top.with_name("others")
    rows = []
    for number in (1, 10, 1000):
        for other in range(len(os.listdir(top)), number):  # noqa: PTH208 - names are all that is counted
            shutil.copytree(here.account.folder, top / f"user{other}@example.org")
        pair = compare(
            timed(here.world, here.token, lambda: _show(hidden, top)),
            timed(here.world, here.token, lambda: _hide(top, hidden)),
            20,
        )
        _show(hidden, top)
        rows.append([str(number), *pair.cells()])
    for folder in top.glob("user*"):
        shutil.rmtree(folder)
    return table(["accounts, against one", *HEADINGS], rows)


def _hide(top: Path, hidden: Path) -> None:
    """Put all accounts but one out of the way."""
    top.rename(hidden)
    top.mkdir(mode=0o700)
    (hidden / ALICE).rename(top / ALICE)


def _show(hidden: Path, top: Path) -> None:
    """Put them back."""
    if hidden.exists():
        (top / ALICE).rename(hidden / ALICE)
        top.rmdir()
        hidden.rename(top)


def in_process(here: Place) -> str:
    """Return what a call costs in a process that has asked before."""
    age(here.account, 3000)
    engine.access_token(ALICE)
    calls = 20_000
    start = time.perf_counter()
    for _ in range(calls):
        engine.access_token(ALICE)
    micro = (time.perf_counter() - start) / calls * 1e6
    looks = 0
    plain = os.stat

    def stat(*arguments: Any, **options: Any) -> os.stat_result:
        nonlocal looks
        looks += 1
        return plain(*arguments, **options)

    os.stat = stat
    engine.access_token(ALICE)
    os.stat = plain
    return table(["a warm call in a process", ""], [["microseconds", f"{micro:.1f}"], ["`os.stat` calls", str(looks)]])
