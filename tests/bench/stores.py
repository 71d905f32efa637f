"""
What each store costs, in units of ``file``, and what it is good for: ``python -m tests.bench.stores``.

Writes tests/results/stores.md. Needs what tests.bench needs, gnome-keyring, dbus, gnupg, and an environment with this
package and the library keyring (``pip install '.[offlineimap,keyring]'``; this interpreter's own unless ``--venv``
names another). Run it as an ordinary user on a machine that does nothing else.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from offlineimap_m365.accounts import profiles
from offlineimap_m365.stores import selection
from tests.bench.measure import Pair, compare, table, write
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import age, keep
from tests.whole import gpg_home, keyring_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account
    from tests.bench.measure import Place

_HEAD = """# Where secrets can rest

Made by `python -m tests.bench.stores`. The last two columns say what a command takes in units of the store `file`: \
the median ratio of pairs that took turns in one run, a provider 40 ms away for the last. Nothing protects a mailbox \
from a program that runs as you while the store is open.
"""
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


def rows(here: Place) -> str:
    """Measure the stores and return the table."""
    with surroundings(here) as key:
        here.entra.add_person(BOB, PASSWORD)
        keep(here.entra, BOB)
        found = [[*FILE, "1", "1"]]
        for store, words in ((KEYRING, "keyring"), (GPG, f"gpg:{key}")):
            found.append([*store, *(f"**{statistics.median(pair.ratios):.2f}**" for pair in measure(here, words))])
    found += [[*store, *[_NEVER] * 2] for store in OTHERS]
    headings = ["store", "who can read it", "when it works without you", "`token`, fresh", "`token`, refreshing"]
    return table(headings, found)


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
    done = here.world.execute([here.program, "store", BOB, "--to", store])
    assert done.code == 0, done.err
    for account in (profiles.get(BOB), here.account):
        set_age(account, 3000)
    ours, theirs = [here.program, "token", BOB], here.token
    fresh = compare(here.timed(ours), here.timed(theirs), _SLOW_RUNS)
    here.entra.latency = AWAY
    refreshing = compare(
        here.timed(ours, lambda: set_age(profiles.get(BOB), -10)),
        here.timed(theirs, lambda: set_age(here.account, -10)),
        _SLOW_RUNS,
    )
    here.entra.latency = 0.0
    return [fresh, refreshing]


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


if __name__ == "__main__":
    write("stores.md", _HEAD, rows, "msal", "keyring")
