"""
The store ``keyring``: the desktop's keyring, which is the Secret Service or macOS's Keychain.

Every call is a child process that is killed after 5 s, since a keyring may wait for a person, or for ever. A file in
the account's folder, without a secret, says that there is an item in the keyring. It is written before the first
secret, so that every item can be found and removed, and again after each write, so that its stat is the generation.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from offlineimap_m365.base import environment, errors, process, safe_file
from offlineimap_m365.base.errors import Remedy, login_command
from offlineimap_m365.knowledge import installation
from offlineimap_m365.stores.file import FileStore

#: Seconds for one call: OfflineIMAP asks while a server waits, and nothing may hang in cron.
SECONDS = 5.0
#: What the items are called in the keyring; the user's name is the account and the home.
SERVICE = "offlineimap-m365"
#: The file in the account's folder that says what is in the keyring.
MARKER = "keyring.json"
_CHILD = Path(__file__).with_name("keyring_child.py")
_TROUBLES: dict[str, tuple[type[errors.M365Error], str, str]] = {
    "no bus": (
        errors.Temporary,
        "there is no D-Bus session, so the keyring cannot be reached",
        "Try it in the desktop's session",
    ),
    "locked": (
        errors.Temporary,
        "the keyring is locked",
        "Unlock it: log in to the desktop or open seahorse or kwalletmanager",
    ),
    "no service": (
        errors.Misconfigured,
        "no keyring runs in this session (nothing on its D-Bus is org.freedesktop.secrets)",
        "Start one (gnome-keyring, KWallet, KeePassXC)",
    ),
    "no collection": (
        errors.Misconfigured,
        "the keyring has no default collection",
        "Make one in seahorse and set it as the default",
    ),
    "spoiled": (errors.Temporary, "the keyring returned something else than was written", "Try again"),
}
#: Until when a keyring that did not answer is not asked again by this process, by its bus, in time.monotonic().
_silent: dict[str, float] = {}


class KeyringStore(FileStore):
    """The store ``keyring``: one item per account in the default collection, and the file that says so."""

    name = "keyring"

    def __init__(self, folder: str, account: str) -> None:
        """Name the item of *account* in *folder*; nothing is asked yet."""
        super().__init__(folder, MARKER)
        self._home = str(Path(folder).parent.parent)  # two homes may have the same account
        self._account = account

    def read(self) -> bytes | None:
        """Return what was written last, None if there is nothing; without the marker the keyring is not asked."""
        home = self._home_in_marker()
        value = self._ask("read", home) if home else None
        return None if value is None else value.encode("latin-1", "replace")  # it may have been edited

    def write(self, data: bytes) -> None:
        """Replace everything by *data*."""
        home = self._home_in_marker()
        if home is None:
            home = self._home
            self._ask("look", home)
            self._mark(home)
        self._ask("write", home, data.decode("latin-1"))
        self._mark(home)

    def delete(self) -> None:
        """Remove the item, then the marker, so that the item in a locked keyring can be removed later."""
        home = self._home_in_marker()
        if home:
            self._ask("delete", home)
        super().delete()

    def _home_in_marker(self) -> str | None:
        """Return the home by which the item is called, None without a marker; of a damaged one this home."""
        data = super().read()
        if data is None:
            return None
        try:
            home = json.loads(data)["home"]
            # A home that was moved, not copied: its items still have their old name.
            return home if Path(home).is_absolute() and not safe_file.exists(home) else self._home
        except (ValueError, KeyError, TypeError, RecursionError):
            return self._home

    def _mark(self, home: str) -> None:
        super().write(json.dumps({"service": SERVICE, "home": home}, indent=2).encode("ascii") + b"\n")

    def _ask(self, action: str, home: str, secret: str = "") -> str | None:
        return ask(action, self._account, item(self._account, home), secret)


def item(account: str, home: str) -> str:
    """Return the user's name of the item of *account* in one *home* directory."""
    return f"{account.strip().lower()} ({home})"


def probe(folder: str, account: str) -> None:
    """
    Write, read back and remove something that is no secret.

    Raises Temporary or Misconfigured where the keyring of *account* in *folder* cannot be used without a person.
    """
    ask("try", account, item(account, str(Path(folder).parent.parent)) + " probe", "not a secret")


def ask(action: str, account: str, user: str, secret: str = "") -> str | None:
    """
    Let the child do *action* with the item *user*; return what it reads.

    Raises Temporary for a keyring that cannot be used now, Misconfigured for one that cannot be used at all. One that
    did not answer is not asked again for 5 s, so that of several accounts only the first waits.
    """
    path = [path for path in sys.path if Path(path).is_absolute()]
    request = {"action": action, "service": SERVICE, "user": user, "secret": secret, "path": path}
    bus, answer = environment.session_bus(), None
    if time.monotonic() >= _silent.get(bus, 0.0):
        answer = _answer(json.dumps(request).encode("ascii"), bus)
        if answer is None:
            _silent[bus] = time.monotonic() + SECONDS
    if answer is None:
        raise errors.Temporary(
            f"{account}: the keyring did not answer within {SECONDS:.0f} s",
            account=account,
            meaning="It may wait for a person, or hang",
            remedy=_use_file("Unlock the desktop's keyring and try again", account),
        )
    if "trouble" in answer:
        raise trouble(str(answer["trouble"]), str(answer["what"]), account)
    value: str | None = answer["value"]
    return value


def _answer(request: bytes, bus: str) -> dict[str, Any] | None:
    """Return the child's answer to *request*, None if it does not end in time."""
    environ = environment.for_child() | ({"DBUS_SESSION_BUS_ADDRESS": bus} if bus else {})  # cron does not set it
    result = process.run(
        [sys.executable, "-I", "-B", str(_CHILD)], stdin=request, seconds=SECONDS, most_bytes=16_777_216, env=environ
    )
    if result.ended == process.TIMED_OUT:
        return None
    try:
        answer: dict[str, Any] = json.loads(result.out)
    except ValueError:
        return {"trouble": "failed", "what": result.reason or f"exit code {result.code}"}
    return answer


def trouble(kind: str, name: str, account: str) -> errors.M365Error:
    """Return the error for a *kind* of trouble of keyring_child with *account*'s keyring; *name* is an exception's."""
    if kind == "library":
        return errors.Misconfigured(
            f"{account}: the Python library keyring is not installed",
            account=account,
            remedy=installation.add("keyring"),
        )
    error, fact, advice = _TROUBLES.get(kind, (errors.Temporary, f"the keyring failed ({name})", "Try again"))
    return error(f"{account}: {fact}", account=account, remedy=_use_file(advice, account))


def _use_file(advice: str, account: str) -> Remedy:
    return Remedy(f"{advice}. For cron and ssh, sign in again with a file", f"{login_command(account)} --store file")
