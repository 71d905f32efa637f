"""
The store ``keyring``: the desktop's keyring (Secret Service, KWallet, macOS Keychain), through the library ``keyring``.

Every call is a child process that is killed after 5 s, since a keyring may wait for a person, or for ever. A file in
the account's folder, without a secret, says that something lies in the keyring: it is written before the first secret,
so that what is there can always be found and removed, and anew after each, so that its stat is the generation.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import environment, errors
from offlineimap_m365.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for one call, whatever it waits for: OfflineIMAP asks while a server waits, and nothing may hang in cron.
PATIENCE = 5.0
#: What the items are called in the keyring, with the account and the home as the user's name.
SERVICE = "offlineimap-m365"
_CHILD = Path(__file__).with_name("keyring_child.py")
#: The file in the account's folder that says what lies in the keyring.
MARKER = "keyring.json"
#: Until when a keyring that did not answer is not asked again by this process, by its bus, in time.monotonic().
_silent: dict[str, float] = {}


class KeyringStore:
    """The store ``keyring``: one item per account in the default collection."""

    name = "keyring"
    is_slow = True

    def __init__(self, folder: str, account: str) -> None:
        """Open the store of *account*, whose folder is *folder*; nothing is asked yet."""
        self._file = FileStore(folder, MARKER)
        self._home = str(Path(folder).parent.parent)  # two homes may have the same account
        self._account = account

    def read(self) -> bytes | None:
        """Return what was written last, or None if there is nothing; the keyring is not asked if nothing ever was."""
        marker = self._marker()
        if marker is None:
            return None
        found = self._ask("read", marker)["value"]
        return None if found is None else str(found).encode("latin-1")

    def write(self, data: bytes) -> None:
        """Replace everything by *data*."""
        marker = self._marker()
        if marker is None:
            kind = str(self._ask("look", {"home": self._home})["kind"])
            marker = {"service": SERVICE, "home": self._home, "kind": kind}
            self._mark(marker)
        self._ask("write", marker, data.decode("latin-1"))
        self._mark(marker)

    def generation(self) -> tuple[int, ...] | None:
        """Return what changes with every write: that of the file that says what lies in the keyring."""
        return self._file.generation()

    def delete(self) -> None:
        """Remove the item; the file that points to it goes last, so that a locked keyring can be emptied later."""
        marker = self._marker()
        if marker is not None:
            self._ask("delete", marker)
        self._file.delete()

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """Make sure that the keyring is there and unlocked now, and that a write can be marked."""
        self._ask("look", self._marker() or {"home": self._home})
        with self._file.reserve():
            yield

    def left_over(self) -> list[bytes]:
        """Return nothing: a keyring replaces an item whole."""
        return []

    def set_aside(self) -> str:
        """Leave a broken item where it is; the next sign-in replaces it."""
        return ""

    def _marker(self) -> dict[str, str] | None:
        """Return what the file says, None without one; of a broken one only that there is something."""
        data = self._file.read()
        if data is None:
            return None
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        known = (
            {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
        )
        home = known.get("home", "")
        # A home that was moved, not copied: what lies in the keyring is still ours, under its old name.
        moved = Path(home).is_absolute() and not Path(home).exists()
        return {"service": SERVICE, "kind": known.get("kind", ""), "home": home if moved else self._home}

    def _mark(self, marker: dict[str, str]) -> None:
        self._file.write(json.dumps(marker, indent=2).encode("ascii") + b"\n")

    def _ask(self, action: str, marker: dict[str, str], secret: str | None = None) -> dict[str, Any]:
        user = item(self._account, marker["home"])
        return ask(action, self._account, user, kind=marker.get("kind", ""), secret=secret)


def item(account: str, home: str) -> str:
    """Return the user's name of an item, which is *account*'s in one *home* directory."""
    return f"{account.strip().lower()} ({home})"


def probe(folder: str, account: str) -> str:
    """
    Write, read back and remove something that is no secret; return what kind of keyring took it.

    Raises Temporary or Misconfigured where the keyring of *account* in *folder* cannot be used without a person.
    """
    user = item(account, str(Path(folder).parent.parent)) + " probe"
    return str(ask("try", account, user, secret="not a secret")["kind"])  # noqa: S106 - it says so


def ask(action: str, account: str, user: str, *, kind: str = "", secret: str | None = None) -> dict[str, Any]:
    """
    Return the child's answer to *action* for the item *user*.

    Raises Temporary for a keyring that cannot be used now, Misconfigured for one that cannot be used at all. After
    one that did not answer it is left alone for as long: of several accounts only the first one waits.
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
            _silent[bus] = time.monotonic() + PATIENCE
    if answer is None:
        raise errors.Temporary(
            f"{account}: the keyring did not answer within {PATIENCE:.0f} s",
            account=account,
            meaning="It may wait for a person, or be stuck; nothing was kept waiting for it",
            remedy="Try again once the desktop's keyring answers; "
            f"for cron and ssh keep it in a file: {_to_file(account)}",
        )
    if "trouble" in answer:
        raise trouble(str(answer["trouble"]), str(answer["what"]), account)
    return answer


def _answer(request: bytes) -> dict[str, Any] | None:
    """Return what the child says to *request*, None if it does not come to an end within its time."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environ(),
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(request, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:  # Ctrl-C, too
            os.killpg(process.pid, signal.SIGKILL)
        with process:  # reaps it, and closes its pipes unread: something else may hold them open
            pass
    try:
        found: dict[str, Any] = json.loads(said)
    except ValueError:
        return {"trouble": "failed", "what": f"exit code {process.returncode}"}
    return found


def _environ() -> dict[str, str]:
    """Return the child's environment: without settings of the library's, with the bus of this user's session."""
    kept = {name: value for name, value in environment.for_child().items() if not name.startswith("KEYRING_PROPERTY_")}
    bus = environment.session_bus()
    return kept | ({"DBUS_SESSION_BUS_ADDRESS": bus} if bus else {})


def trouble(kind: str, what: str, account: str) -> errors.M365Error:
    """Make the error for a *kind* of trouble that the child met with *account*'s keyring."""
    instead = f"or keep it in a file: {errors.login_command(account)} --store file"
    known = {
        "no bus": errors.Temporary(
            f"{account}: the keyring cannot be reached, since there is no D-Bus session now",
            account=account,
            remedy=f"Try it in the desktop's session; for cron and ssh keep it in a file: {_to_file(account)}",
        ),
        "locked": errors.Temporary(
            f"{account}: the keyring is locked",
            account=account,
            meaning="Nobody is asked to unlock it from here",
            remedy="Unlock it: log in to the desktop, or open its keyring (seahorse, kwalletmanager); "
            f"for cron and ssh keep it in a file: {_to_file(account)}",
        ),
        "no service": errors.Misconfigured(
            f"{account}: no keyring is in this session (nothing on its D-Bus is org.freedesktop.secrets)",
            account=account,
            remedy=f"Start one (gnome-keyring, KWallet, KeePassXC), {instead}",
        ),
        "no collection": errors.Misconfigured(
            f"{account}: the keyring has no default collection",
            account=account,
            remedy=f"Make one in the desktop's keyring program (seahorse) and set it as the default, {instead}",
        ),
        "library": errors.Misconfigured(
            f"{account}: the Python library {what or 'keyring'} is not installed",
            account=account,
            remedy=f"Run: {install_command(what)}",
        ),
        "refused": errors.Misconfigured(
            f"{account}: the keyring backend {what} is refused",
            account=account,
            meaning="Only the Secret Service, KWallet and macOS's Keychain are used: others keep secrets readable,"
            " nowhere, or where nobody can tell",
            remedy=f"Take it out there, {instead}",
        ),
    }
    return known.get(kind) or errors.Temporary(
        f"{account}: the keyring failed ({what})",
        account=account,
        remedy=f"Try again; for cron and ssh keep it in a file: {_to_file(account)}",
    )


def install_command(library: str = "") -> str:
    """Return what installs the *library* (``keyring`` if empty) where this program is: pipx's way, or pip's."""
    place = Path(sys.prefix)
    if place.parent.name == "venvs" and "pipx" in str(place):
        return f"pipx inject {errors.quoted(place.name)} {library or 'keyring'}"
    return f"{errors.quoted(sys.executable)} -m pip install {library or errors.quoted('offlineimap-m365[keyring]')}"


def _to_file(account: str) -> str:
    return f"{errors.login_command(account)} --store file"
