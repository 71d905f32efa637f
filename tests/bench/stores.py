"""
What each store costs, in units of ``file``, and what it is good for: ``python -m tests.bench.stores``.

Writes tests/results/stores.md. Needs what tests.bench needs, gnome-keyring, dbus, gnupg, and an environment with this
package and the library keyring (``pip install '.[offlineimap,keyring]'``; this interpreter's own unless ``--venv``
names another). Run it as an ordinary user on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from offlineimap_m365.accounts import profiles
from offlineimap_m365.stores import selection
from tests.bench.pairs import Pair, compare, table, timed
from tests.bench.place import machine, place
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import age, keep
from tests.whole import gpg_home, keyring_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account
    from tests.bench.place import Place

RESULTS = Path(__file__).parents[1] / "results" / "stores.md"
BOB = "bob@example.org"
#: How far away a provider is, in seconds.
AWAY = 0.04
_SLOW_RUNS = 12
_NEVER = "never run here"


class Store(NamedTuple):
    """A store as the table has it: what it is called, who can read it, and when it works without a person."""

    name: str
    readers: str
    unattended: str


FILE = Store(
    "`file` (default)",
    "you, root, whatever runs as you, backups of your home",
    "always: cron, ssh, before the first login",
)
KEYRING = Store(
    "`keyring`: Secret Service (gnome-keyring)",
    "whatever runs as you while it is unlocked; root then, too; backups hold it encrypted",
    "while you are logged in and it is unlocked; else 75",
)
GPG = Store(
    "`gpg:KEY`",
    "whatever runs as you while gpg-agent has the passphrase, or the key has none; root then, too; backups hold it "
    "encrypted",
    "while the agent has the passphrase, always with a key without one; else 75",
)
#: Of what cannot be run on the machine of the tests nothing is claimed.
OTHERS = (
    Store("`keyring`: KWallet's Secret Service", "as with the Secret Service", "as with the Secret Service"),
    Store("`keyring`: macOS's Keychain", "the Python that wrote it, while it is unlocked", "while you are logged in"),
)


def main() -> int:
    """Measure the stores and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stores", description="Measure what stores cost.")
    parser.add_argument("--venv", type=Path, default=Path(sys.prefix), help="where the product is installed")
    parser.add_argument("--to", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    with place(options.venv) as here, surroundings(here) as key:
        here.entra.add_person(BOB, PASSWORD)
        keep(here.entra, BOB)
        rows = [[*FILE, "1", "1"]]
        for store, words in ((KEYRING, "keyring"), (GPG, f"gpg:{key}")):
            rows.append([*store, *(f"**{pair.ratio:.2f}**" for pair in measure(here, words))])
    rows += [[*store, *[_NEVER] * 2] for store in OTHERS]
    headings = ["store", "who can read it", "when it works without you"]
    headings += ["`token`, fresh", "`token`, refreshing"]
    options.to.write_text(_head() + table(headings, rows), encoding="utf-8")
    return 0


@contextlib.contextmanager
def surroundings(here: Place) -> Iterator[str]:
    """Give the world an unlocked keyring, and gpg a key whose passphrase its agent has; yield its fingerprint."""
    environ = here.world.environ
    with keyring_daemon.session(here.world.root, environ) as desktop, gpg_home.home(environ) as gpg:
        desktop.start_keyring()
        environ |= {"DBUS_SESSION_BUS_ADDRESS": desktop.address, "GNUPGHOME": str(gpg.path)}
        here.world.enter()
        made = gpg.make(f"Bob <{BOB}>", gpg_home.PASSPHRASE)
        gpg.unlock_key(made)
        yield made


def measure(here: Place, store: str) -> list[Pair]:
    """Return what bob's *store* costs against alice's file: fresh and refreshing."""
    move(here, store)
    for account in (profiles.get(BOB), here.account):
        set_age(account, 3000)
    ours, theirs = command(here, BOB), here.token
    fresh = compare(timed(here.world, ours), timed(here.world, theirs), _SLOW_RUNS)
    here.entra.latency = AWAY
    refreshing = compare(
        timed(here.world, ours, lambda: set_age(profiles.get(BOB), -10)),
        timed(here.world, theirs, lambda: set_age(here.account, -10)),
        _SLOW_RUNS,
    )
    here.entra.latency = 0.0
    return [fresh, refreshing]


def command(here: Place, account: str) -> list[str]:
    """Return the command that prints the token of an *account*."""
    return [*here.token[:-1], account]


def move(here: Place, store: str) -> None:
    """Let bob's secrets rest in *store*."""
    done = here.world.execute([here.token[0], "store", BOB, "--to", store])
    assert done.code == 0, done.err


def set_age(account: Account, life: float) -> None:
    """Let the access token in the account's store live for *life* seconds from now."""
    if account.store == "file":
        age(account, life)
        return
    store = selection.open_store(account.store, account.folder, account.name)
    cache = json.loads(store.read() or b"")
    for entry in cache["AccessToken"].values():
        entry["expires_on"], entry["cached_at"] = str(int(time.time() + life)), str(int(time.time() + life - 3600))
    store.write(json.dumps(cache).encode("ascii"))


def _head() -> str:
    return (
        "# Where secrets can rest\n\n"
        "Made by `python -m tests.bench.stores`. The last two columns say what a command takes in units of the store "
        "`file`: the median ratio of pairs that took turns in one run, a provider 40 ms away for the last. "
        "Nothing protects a mailbox from a program that runs as you while the store is open.\n\n"
        f"{machine()}, " + ", ".join(f"{name} {version(name)}" for name in ("msal", "keyring")) + ".\n\n"
    )


if __name__ == "__main__":
    sys.exit(main())
