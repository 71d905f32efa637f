"""
The store ``keyring``: the desktop's keyring (Secret Service, KWallet, macOS Keychain), through the library ``keyring``.

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

from offlineimap_m365.base import environment, errors, installation, process, safe_file
from offlineimap_m365.base.errors import Remedy, login_command
from offlineimap_m365.stores.file import FileStore

#: Seconds for one call: OfflineIMAP asks while a server waits, and nothing may hang in cron.
SECONDS = 5.0
#: What the items are called in the keyring; the user's name is the account and the home.
SERVICE = "offlineimap-m365"
#: The file in the account's folder that says what is in the keyring.
MARKER = "keyring.json"
_CHILD = Path(__file__).with_name("keyring_child.py")
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
        marker = self._marker()
        value = self._ask("read", marker)["value"] if marker else None
        return None if value is None else str(value).encode("latin-1")

    def write(self, data: bytes) -> None:
        """Replace everything by *data*."""
        marker = self._marker()
        if marker is None:
            kind = str(self._ask("look", {"home": self._home})["kind"])
            marker = {"service": SERVICE, "home": self._home, "kind": kind}
            self._mark(marker)
        self._ask("write", marker, data.decode("latin-1"))
        self._mark(marker)

    def delete(self) -> None:
        """Remove the item, then the marker, so that the item in a locked keyring can be removed later."""
        marker = self._marker()
        if marker:
            self._ask("delete", marker)
        super().delete()

    def _marker(self) -> dict[str, str] | None:
        """Return what the marker says, None without one; of a damaged one only that there is an item."""
        data = super().read()
        if data is None:
            return None
        try:
            document = json.loads(data)
        except ValueError:
            document = None
        texts = document if isinstance(document, dict) else {}
        home, kind = (value if isinstance(value, str) else "" for value in (texts.get("home"), texts.get("kind")))
        # A home that was moved, not copied: its items still have their old name.
        was_moved = Path(home).is_absolute() and not safe_file.exists(home)
        return {"service": SERVICE, "kind": kind, "home": home if was_moved else self._home}

    def _mark(self, marker: dict[str, str]) -> None:
        super().write(json.dumps(marker, indent=2).encode("ascii") + b"\n")

    def _ask(self, action: str, marker: dict[str, str], secret: str | None = None) -> dict[str, Any]:
        user = item(self._account, marker["home"])
        return ask(action, self._account, user, kind=marker.get("kind", ""), secret=secret)


def item(account: str, home: str) -> str:
    """Return the user's name of the item of *account* in one *home* directory."""
    return f"{account.strip().lower()} ({home})"


def probe(folder: str, account: str) -> str:
    """
    Write, read back and remove something that is no secret; return the kind of the keyring.

    Raises Temporary or Misconfigured where the keyring of *account* in *folder* cannot be used without a person.
    """
    user = item(account, str(Path(folder).parent.parent)) + " probe"
    return str(ask("try", account, user, secret="not a secret")["kind"])  # noqa: S106 - it says so


def ask(action: str, account: str, user: str, *, kind: str = "", secret: str | None = None) -> dict[str, Any]:
    """
    Return the child's answer to *action* for the item *user*.

    Raises Temporary for a keyring that cannot be used now, Misconfigured for one that cannot be used at all. One that
    did not answer is not asked again for 5 s, so that of several accounts only the first waits.
    """
    request = {
        "action": action,
        "service": SERVICE,
        "user": user,
        "kind": kind,
        "secret": secret,
        "backend": environment.keyring_backend(),
        "path": [path for path in sys.path if Path(path).is_absolute()],
    }
    bus, answer = environment.session_bus(), None
    if time.monotonic() >= _silent.get(bus, 0.0):
        answer = _answer(json.dumps(request).encode("ascii"))
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
    return answer


def _answer(request: bytes) -> dict[str, Any] | None:
    """Return the child's answer to *request*, None if it does not end in time."""
    result = process.run(
        [sys.executable, "-I", "-B", str(_CHILD)], stdin=request, seconds=SECONDS, most_bytes=16_777_216, env=_environ()
    )
    if result.ended == process.TIMED_OUT:
        return None
    try:
        answer: dict[str, Any] = json.loads(result.out)
    except ValueError:
        return {"trouble": "failed", "what": result.reason or f"exit code {result.code}"}
    return answer


def _environ() -> dict[str, str]:
    """Return the child's environment: without settings of the library, with the bus of this user's session."""
    environ = {name: value for name, value in environment.for_child().items() if not name.startswith("KEYRING_PROPER")}
    bus = environment.session_bus()
    return environ | ({"DBUS_SESSION_BUS_ADDRESS": bus} if bus else {})


def trouble(kind: str, name: str, account: str) -> errors.M365Error:
    """Return the error for a *kind* of trouble of keyring_child with *account*'s keyring; *name* is what it names."""
    temporary = {
        "no bus": ("there is no D-Bus session, so the keyring cannot be reached", "Try it in the desktop's session"),
        "locked": ("the keyring is locked", "Unlock it: log in to the desktop or open seahorse or kwalletmanager"),
    }
    lasting = {
        "no service": (
            "no keyring runs in this session (nothing on its D-Bus is org.freedesktop.secrets)",
            "Start one (gnome-keyring, KWallet, KeePassXC)",
        ),
        "no collection": ("the keyring has no default collection", "Make one in seahorse and set it as the default"),
        "refused": (f"the keyring backend {name} is not used, since it may store secrets in clear", "Unset it there"),
    }
    if kind == "library":
        return errors.Misconfigured(
            f"{account}: the Python library {name or 'keyring'} is not installed",
            account=account,
            remedy=installation.add(name or "keyring"),
        )
    error = errors.Misconfigured if kind in lasting else errors.Temporary
    fact, advice = {**temporary, **lasting}.get(kind, (f"the keyring failed ({name})", "Try again"))
    return error(f"{account}: {fact}", account=account, remedy=_use_file(advice, account))


def _use_file(advice: str, account: str) -> Remedy:
    return Remedy(f"{advice}. For cron and ssh, sign in again with a file", f"{login_command(account)} --store file")
