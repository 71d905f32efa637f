"""
Talk to the desktop's keyring, in a process of its own that can be killed: a request on stdin, an answer on stdout.

It is started by its path and imports nothing of this package; the libraries ``keyring`` and ``secretstorage`` are found
on the path in the request. Nothing here opens a prompt: a locked keyring is refused.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

#: The end of the name of the Keychain's item that will replace the main one.
_NEXT = " (next)"


class Trouble(Exception):
    """A reason why the keyring cannot be used, by its name in keyring.trouble()."""


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
    """Return the answer to *request*: ``{"value"}``, or ``{"trouble", "what"}``."""
    try:
        ring = open_keychain() if sys.platform == "darwin" else SecretService()
        return {"value": act(Item(ring, request["service"], request["user"]), request["action"], request["secret"])}
    except Trouble as trouble:
        return {"trouble": str(trouble), "what": ""}
    except ImportError:
        return {"trouble": "library", "what": ""}
    except Exception as error:  # noqa: BLE001 - of any service; its text could hold a secret, so only its name is used
        name = type(error).__name__
        return {"trouble": "locked" if name == "LockedException" else "failed", "what": name}


def act(item: Item, action: str, secret: str) -> str | None:
    """Do *action* with *item* (``look`` does nothing); return the secret for ``read``, else None."""
    if action == "read":
        return item.read()
    if action in {"write", "try"}:
        item.write(secret)
    if action == "try" and item.read() != secret:
        raise Trouble("spoiled")
    if action in {"delete", "try"}:
        item.delete()
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


class SecretService:
    """
    The default collection of GNOME's keyring, KWallet or KeePassXC (specifications.freedesktop.org/secret-service).

    Its items are those of the library ``keyring``, with the same methods, which would have a collection unlocked.
    """

    def __init__(self) -> None:
        """Open the collection; raises Trouble if it is not there, or locked."""
        import secretstorage  # noqa: PLC0415 - found on the path that came with the request

        try:
            bus = secretstorage.dbus_init()
        except (OSError, secretstorage.SecretStorageException) as error:
            raise Trouble("no bus") from error
        if not secretstorage.check_service_availability(bus):
            raise Trouble("no service")
        try:
            self._collection = secretstorage.get_collection_by_alias(bus, "default")
        except secretstorage.ItemNotFoundException as error:
            raise Trouble("no collection") from error
        if self._collection.is_locked():
            raise Trouble("locked")

    def get_password(self, service: str, user: str) -> str | None:
        """Return the secret of an item, None if there is none."""
        item = self._find(service, user)
        return None if item is None else str(item.get_secret().decode("utf-8"))

    def set_password(self, service: str, user: str, secret: str) -> None:
        """Replace the secret of an item."""
        attributes = {"application": "Python keyring library", "service": service, "username": user}
        label = f"Password for '{user}' on '{service}'"
        self._collection.create_item(label, attributes, secret.encode("utf-8"), replace=True)

    def delete_password(self, service: str, user: str) -> None:
        """Remove an item."""
        self._find(service, user).delete()

    def _find(self, service: str, user: str) -> Any:
        return next(self._collection.search_items({"service": service, "username": user}), None)


def open_keychain() -> Any:
    """Return macOS's Keychain, told not to ask (Security framework, SecKeychainSetUserInteractionAllowed)."""
    import ctypes  # noqa: PLC0415 - only where it is needed
    import ctypes.util  # noqa: PLC0415

    from keyring.backends import macOS  # noqa: PLC0415 - found on the path that came with the request

    ctypes.CDLL(ctypes.util.find_library("Security")).SecKeychainSetUserInteractionAllowed(ctypes.c_ubyte(0))
    return macOS.Keyring()


if __name__ == "__main__":
    sys.exit(main())
