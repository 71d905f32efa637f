"""
Talk to the desktop's keyring, in a process of its own that can be killed: a request on stdin, an answer on stdout.

It is started by its path and imports nothing of this package; the library ``keyring`` and its dependencies are found on
the path in the request. Nothing here opens a prompt: it asks first whether the keyring is locked, and refuses where the
library would have it unlocked.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

#: Keyrings that encrypt and belong to the session, by the library's names for them, with our name of their kind.
ALLOWED = {
    "keyring.backends.SecretService.Keyring": "Secret Service",
    "keyring.backends.libsecret.Keyring": "Secret Service",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.macOS.Keyring": "Keychain",
}
#: The end of the name of the Keychain's item that will replace the main one.
_NEXT = " (next)"


class Trouble(Exception):
    """A reason why the keyring cannot be used: a *kind* (see keyring.trouble) and the *name* of what it is about."""

    def __init__(self, kind: str, name: str = "") -> None:
        """Store the parts, which hold no secret."""
        super().__init__(kind, name)
        self.kind = kind
        self.name = name


def main() -> int:
    """Answer one request; an incomplete one, of a process that was killed, is not carried out."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a library may print something
        try:
            request = json.load(sys.stdin)
        except ValueError:
            return 1
        sys.path += [path for path in request["path"] if path not in sys.path]
        answer.write(json.dumps(answer_to(request)).encode("ascii"))
    return 0


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to *request*: ``{"value", "kind"}``, or ``{"trouble", "what"}``."""
    try:
        kind = choose(request["backend"], request["kind"])
        item = Item(open_ring(kind), request["service"], request["user"])
        return {"value": act(item, request["action"], request["secret"]), "kind": kind}
    except Trouble as trouble:
        return {"trouble": trouble.kind, "what": trouble.name}
    except ImportError:
        return {"trouble": "library", "what": ""}
    except Exception as error:  # noqa: BLE001 - of any service; its text could hold a secret, so only its name is used
        name = type(error).__name__
        return {"trouble": "locked" if name in {"KeyringLocked", "LockedException"} else "failed", "what": name}


def act(item: Item, action: str, secret: str | None) -> str | None:
    """Do *action* with *item* (``look`` does nothing); return the secret for ``read``, else None."""
    if action == "read":
        return item.read()
    if action in {"write", "try"}:
        item.write(secret or "")
    is_intact = action != "try" or item.read() == secret
    if action in {"delete", "try"}:
        item.delete()
    if not is_intact:
        raise Trouble("failed", "it returned something else")
    return None


class Item:
    """One item of an open *ring*, under the name of the *service* and the *user*."""

    def __init__(self, ring: Any, service: str, user: str) -> None:
        """Name it; nothing is asked yet."""
        self._ring = ring
        self._service = service
        # The Keychain's backend removes the old item before it adds the new one (keyring/backends/macOS/api.py).
        self._users = [user, user + _NEXT] if type(ring).__module__ == "keyring.backends.macOS" else [user]

    def read(self) -> str | None:
        """Return the secret, None if there is none; the next item counts if the main one is lost."""
        secrets = (self._ring.get_password(self._service, user) for user in self._users)
        return next((secret for secret in secrets if secret is not None), None)

    def write(self, secret: str) -> None:
        """Replace the secret; a kill in between leaves the old one or the new one."""
        for user in reversed(self._users):
            self._ring.set_password(self._service, user, secret)
        for user in self._users[1:]:
            self._remove(user)

    def delete(self) -> None:
        """Remove the item; if there is none, that is no error."""
        for user in self._users:
            self._remove(user)

    def _remove(self, user: str) -> None:
        while self._ring.get_password(self._service, user) is not None:
            self._ring.delete_password(self._service, user)


def choose(named: str, kind: str) -> str:
    """
    Return the kind of keyring to use: *kind* if one was used before, else the configured one, else the best one.

    *named* is ``$PYTHON_KEYRING_BACKEND``. A configured backend that is not allowed is refused by name.
    """
    configured, where = (named, "PYTHON_KEYRING_BACKEND") if named else _configured()
    if configured and configured not in ALLOWED:
        raise Trouble("refused", f"{configured} (from {where})")
    return kind or (ALLOWED[configured] if configured else _best())


def _configured() -> tuple[str, str]:
    """Return the backend of the library's own configuration file, and that file's path; empty ones if it has none."""
    from keyring.util import platform_  # noqa: PLC0415 - found on the path that came with the request

    path = Path(platform_.config_root()) / "keyringrc.cfg"
    config = configparser.RawConfigParser()
    with contextlib.suppress(OSError, UnicodeDecodeError, configparser.Error):
        config.read_string(path.read_text(encoding="utf-8"))
    return config.get("backend", "default-keyring", fallback="").strip(), str(path)


def _best() -> str:
    """Return the kind that the library prefers here among those that are allowed, never a chain of several."""
    if sys.platform == "darwin":
        return "Keychain"
    from keyring.backends import SecretService, kwallet  # noqa: PLC0415 - see _configured()

    usable = []
    for kind, backend in (("KWallet", kwallet.DBusKeyring), ("Secret Service", SecretService.Keyring)):
        with contextlib.suppress(Exception):  # a backend that cannot be used raises
            usable.append((float(backend.priority), kind))
    return max(usable)[1] if usable else "Secret Service"  # whose error says what is missing


def open_ring(kind: str) -> Any:
    """Return the library's backend of *kind*, available and unlocked; else raise Trouble."""
    return {"Secret Service": _secret_service, "KWallet": _wallet, "Keychain": _keychain}[kind]()


def _secret_service() -> Any:
    """Return the Secret Service's default collection (its specification, "Locked")."""
    import secretstorage  # noqa: PLC0415 - see _configured()
    from keyring.backends import SecretService  # noqa: PLC0415
    from keyring.errors import KeyringLocked  # noqa: PLC0415

    def default_collection() -> Any:
        try:
            bus = secretstorage.dbus_init()
        except (OSError, secretstorage.SecretStorageException) as error:
            raise Trouble("no bus") from error
        if not secretstorage.check_service_availability(bus):
            raise Trouble("no service")
        try:
            collection = secretstorage.get_collection_by_alias(bus, "default")
        except secretstorage.ItemNotFoundException as error:
            raise Trouble("no collection") from error
        if collection.is_locked():
            raise Trouble("locked")
        return collection

    class Quiet(SecretService.Keyring):
        """The library's backend, always with the default collection and without a prompt."""

        def get_preferred_collection(self) -> Any:
            """Return the default collection, unlocked."""
            return default_collection()

        def unlock(self, item: Any) -> None:
            """Refuse a locked item."""
            if item.is_locked():
                raise KeyringLocked("locked")

    default_collection().connection.close()
    return Quiet()


def _wallet() -> Any:
    """Return KWallet; a closed wallet is Trouble, since opening it would ask (its D-Bus interface, isOpen)."""
    try:
        import dbus  # noqa: PLC0415 - see _configured()
    except ImportError as error:
        raise Trouble("library", "dbus-python") from error
    from keyring.backends import kwallet  # noqa: PLC0415

    try:
        bus = dbus.SessionBus()
    except dbus.DBusException as error:
        raise Trouble("no bus") from error
    if not bus.name_has_owner(kwallet.DBusKeyring.bus_name):
        raise Trouble("no service")
    service = bus.get_object(kwallet.DBusKeyring.bus_name, kwallet.DBusKeyring.object_path, introspect=False)
    wallet = dbus.Interface(service, "org.kde.KWallet")
    if not wallet.isOpen(wallet.networkWallet()):
        raise Trouble("locked")
    return kwallet.DBusKeyring()


def _keychain() -> Any:
    """Return macOS's Keychain, told not to ask (Security framework, SecKeychainSetUserInteractionAllowed)."""
    import ctypes  # noqa: PLC0415 - only where it is needed
    import ctypes.util  # noqa: PLC0415

    from keyring.backends import macOS  # noqa: PLC0415

    ctypes.CDLL(ctypes.util.find_library("Security")).SecKeychainSetUserInteractionAllowed(ctypes.c_ubyte(0))
    return macOS.Keyring()


if __name__ == "__main__":
    sys.exit(main())
