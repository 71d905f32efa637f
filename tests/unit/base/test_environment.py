"""The variables that are read, and what they mean."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import environment

if TYPE_CHECKING:
    from tests.world import World


def test_a_relative_data_directory_does_not_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative XDG_DATA_HOME is ignored (XDG Base Directory Specification)."""
    if sys.platform == "darwin":
        monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "data")

    assert environment.user_data() == f"{world.environ['HOME']}/.local/share"


def test_certificates_in_their_order(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """REQUESTS_CA_BUNDLE, then SSL_CERT_FILE, then the first directory of SSL_CERT_DIR that is there."""
    found = []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/a")
    monkeypatch.setenv("SSL_CERT_FILE", "/b:b")
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(["/nonexistent", str(tmp_path)]))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        assert environment.certificates()[0] == name
        found.append(environment.certificates()[1])
        monkeypatch.delenv(name)

    assert found == ["/a", "/b:b", str(tmp_path)]
    assert environment.certificates() == ("", "")


def test_a_child_gets_nothing_of_this_interpreter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would lead another interpreter to this one's modules is not handed on; all else is."""
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "/harmful")

    found = environment.for_child()

    assert "/harmful" not in found.values()
    assert found["HOME"] == world.environ["HOME"]


def bind(path: str) -> None:
    """Make a socket at *path*."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)


@pytest.mark.parametrize("kind", ["named", "socket", "nothing", "file", "link", "foreign"])
def test_the_bus_of_the_session(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """It is what the session names; in cron the user's own socket in the runtime directory, spelled as D-Bus wants."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=x" if kind == "named" else "")
    with TemporaryDirectory(prefix="a b,") as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        if kind == "file":
            Path(directory, "bus").touch()
        elif kind in ("socket", "link", "foreign"):
            bind(f"{directory}/bus" if kind != "link" else f"{directory}/other")
        if kind == "link":
            Path(directory, "bus").symlink_to("other")
        me = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: me + (kind == "foreign"))
        spelled = directory.replace(" ", "%20").replace(",", "%2C")

        address = environment.session_bus()

    assert address == {"named": "unix:abstract=x", "socket": f"unix:path={spelled}/bus"}.get(kind, "")
