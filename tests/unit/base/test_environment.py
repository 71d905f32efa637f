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


@pytest.mark.parametrize(
    ("browser", "found"),
    [("", ""), ("firefox", "firefox"), ("/usr/bin/w3m", ""), ("lynx %s", ""), ("links:firefox", ""), ("true", "true")],
)
def test_text_browsers_never_count(world: World, monkeypatch: pytest.MonkeyPatch, browser: str, found: str) -> None:
    """A browser that would take the terminal is none."""
    monkeypatch.setenv("BROWSER", browser)

    assert environment.browser() == found


def test_ssh_is_not_graphical(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A display that ssh forwards is not the machine before which the person sits."""
    monkeypatch.setattr(sys, "platform", "linux")
    nothing = environment.graphical()
    monkeypatch.setenv("DISPLAY", ":0")
    here = environment.graphical()
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")

    assert (nothing, here, environment.graphical()) == (False, True, False)


def test_certificates_in_their_order(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """REQUESTS_CA_BUNDLE, then SSL_CERT_FILE, then the first directory of SSL_CERT_DIR that is there."""
    found = []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/a")
    monkeypatch.setenv("SSL_CERT_FILE", "/b")
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(["/nonexistent", str(tmp_path)]))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        assert environment.certificates()[0] == name
        found.append(environment.certificates()[1])
        monkeypatch.delenv(name)

    assert found == ["/a", "/b", str(tmp_path)]
    assert environment.certificates() == ("", "")


def test_a_child_gets_nothing_of_this_interpreter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would lead another interpreter to this one's modules is not handed on; all else is."""
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "/harmful")

    found = environment.for_child()

    assert "/harmful" not in found.values()
    assert found["HOME"] == world.environ["HOME"]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_is_not_forced_on_anybody(world: World, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """NO_COLOR and a dumb terminal mean none."""
    before = environment.colourless()
    monkeypatch.setenv(name, value)

    assert (before, environment.colourless()) == (False, True)


def test_the_bus_that_is_named_is_the_bus(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that names its D-Bus is believed, whatever lies elsewhere."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=x")

    assert environment.session_bus() == "unix:abstract=x"


def test_a_bus_in_the_runtime_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """In cron nothing names the bus: it is the socket in the runtime directory, spelled as an address of D-Bus."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    with TemporaryDirectory(prefix="a b,") as directory, socket.socket(socket.AF_UNIX) as made:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        made.bind(f"{directory}/bus")

        found = environment.session_bus()

    name = directory.rpartition("/")[2].removeprefix("a b,")
    assert found.endswith(f"/a%20b%2c{name}/bus")
    assert found.startswith("unix:path=/")


def test_what_is_no_bus_of_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a link to somebody's socket, or nothing is no bus."""
    run = Path(world.environ["XDG_RUNTIME_DIR"])
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setattr(environment, "_SESSIONS", "/nonexistent")
    nothing = environment.session_bus()
    (run / "bus").write_bytes(b"")
    file = environment.session_bus()
    (run / "bus").unlink()
    with TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{directory}/bus")
        (run / "bus").symlink_to(f"{directory}/bus")

        link = environment.session_bus()

    assert (nothing, file, link) == ("", "", "")


def test_where_gpg_looks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gpg's directory is what GNUPGHOME names, else the usual one (gpg's manual, "Environment")."""
    named = environment.gnupg_home()
    monkeypatch.delenv("GNUPGHOME")

    assert named == world.environ["GNUPGHOME"]
    assert environment.gnupg_home() == f"{world.environ['HOME']}/.gnupg"
