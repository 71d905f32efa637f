"""
A desktop's session: a private D-Bus with a gnome-keyring on it, unlocked by its password, locked, or killed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import secretstorage
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

from tests.world import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A bus with its socket, for this user only, that starts no services.
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Desktop:
    """A session's bus, and the keyring on it if one was started."""

    def __init__(self, root: Path, runtime: Path, environ: Mapping[str, str]) -> None:
        """Describe a session whose keyrings are in *root*; *runtime* must be a short path, sockets have 108 bytes."""
        self.keyrings = root / "desktop"
        self._runtime = runtime
        self._children: list[subprocess.Popen[bytes]] = []
        self._keyring: subprocess.Popen[bytes] | None = None
        self.environ = {
            **environ,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime / 'bus'}",
            "XDG_DATA_HOME": str(self.keyrings),
            "XDG_RUNTIME_DIR": str(runtime),
        }

    @property
    def address(self) -> str:
        """The address of the bus."""
        return self.environ["DBUS_SESSION_BUS_ADDRESS"]

    @property
    def socket(self) -> Path:
        """The socket of the bus, where systemd's user session would have it."""
        return self._runtime / "bus"

    def start_bus(self) -> None:
        """Start the bus, with nothing on it."""
        self.keyrings.mkdir(mode=0o700)
        config = self._runtime / "bus.conf"
        config.write_text(_CONFIG.format(socket=self.socket), encoding="ascii")
        self._start(["/usr/bin/dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"])
        wait_until(self.socket.exists)

    def start_keyring(self, *, unlock: bool = True) -> None:
        """Start gnome-keyring as a login does, which unlocks it by a password; an automatic login has none."""
        command = ["/usr/bin/gnome-keyring-daemon", "--components=secrets", "--foreground"]
        self._keyring = self._start([*command, *(["--unlock"] if unlock else [])], stdin=subprocess.PIPE)
        assert self._keyring.stdin is not None
        self._keyring.stdin.write(b"a login password")
        self._keyring.stdin.close()
        wait_until(self._has_default if unlock else self._is_there)

    def restart_keyring(self) -> None:
        """End the keyring as a crash does, and unlock it as the next login does."""
        assert self._keyring is not None
        self._keyring.kill()
        self._keyring.wait()
        self.start_keyring()

    def lock(self) -> None:
        """Lock the default collection, as a screen lock or a logout may."""
        with self.bus() as bus:
            secretstorage.Collection(bus).lock()

    def items(self) -> dict[str, str]:
        """Return the secrets in the keyring, by the user that each item names."""
        with self.bus() as bus:
            result = secretstorage.Collection(bus).get_all_items()
            return {item.get_attributes()["username"]: item.get_secret().decode("utf-8") for item in result}

    @contextlib.contextmanager
    def listened(self) -> Iterator[list[str]]:
        """Yield a list that holds, at the end, the names of all methods called on the bus meanwhile."""
        said: list[str] = []
        log = self._runtime / "calls"
        with log.open("wb") as file:
            monitor = self._start(["/usr/bin/dbus-monitor", "--address", self.address], stdout=file)
            wait_until(lambda: b"NameAcquired" in log.read_bytes() or b"NameLost" in log.read_bytes())
            yield said
            with self.bus() as bus:
                Proxy(message_bus, bus).GetId()  # comes last, so all other calls are in the log once it is there
            wait_until(lambda: b"member=GetId" in log.read_bytes())
            monitor.terminate()
            monitor.wait()
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        members = [line.rpartition("member=")[2] for line in lines if line.startswith("method call")]
        said += [member for member in members if member != "GetId"]

    @contextlib.contextmanager
    def bus(self) -> Iterator[secretstorage.DBusConnection]:
        """Yield a connection to the bus."""
        bus = open_dbus_connection(self.address)
        try:
            yield bus
        finally:
            bus.close()

    def stop(self) -> None:
        """End all processes, the bus last."""
        for process in reversed(self._children):
            if process.poll() is None:
                process.kill()
            process.wait()

    def _has_default(self) -> bool:
        try:
            with self.bus() as bus:
                return not secretstorage.get_collection_by_alias(bus, "default").is_locked()
        except (OSError, secretstorage.SecretStorageException):
            return False

    def _is_there(self) -> bool:
        with self.bus() as bus:
            return bool(secretstorage.check_service_availability(bus))

    def _start(self, command: list[str], **streams: object) -> subprocess.Popen[bytes]:
        where = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | streams
        process: subprocess.Popen[bytes] = subprocess.Popen(command, env=self.environ, **where)  # type: ignore[call-overload]
        self._children.append(process)
        return process


@contextlib.contextmanager
def session(root: Path, environ: Mapping[str, str]) -> Iterator[Desktop]:
    """Run a bus without a keyring for a user whose surroundings are *environ*, and keep its files below *root*."""
    with TemporaryDirectory(prefix="bus-", dir="/tmp") as runtime:
        os.chmod(runtime, 0o700)  # noqa: PTH101 - it is text
        desktop = Desktop(root, Path(runtime), environ)
        try:
            desktop.start_bus()
            yield desktop
        finally:
            desktop.stop()
