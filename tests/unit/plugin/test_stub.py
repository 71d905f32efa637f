"""Where this program is installed, and the stub that finds it again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base.version import __version__
from offlineimap_m365.plugin import stub

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import World


@pytest.fixture
def prefix(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the prefix of an installation without a console script."""
    made = world.root / "venv"
    (made / "bin").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(made))
    monkeypatch.setattr(sys, "argv", ["-m"])
    return made


def script(path: Path) -> Path:
    """Make an executable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_without_a_script_it_is_the_interpreter(prefix: Path) -> None:
    """The interpreter with -m works wherever the package can be imported."""
    assert prefix
    assert stub.command() == [sys.executable, "-m", "offlineimap_m365"]


def test_the_script_beside_the_interpreter_is_the_command(prefix: Path) -> None:
    """The console script of the same environment, by its absolute path."""
    made = script(prefix / "bin" / "offlineimap-m365")

    assert stub.command() == [str(made)]


def test_the_script_that_was_called_comes_first(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link of pipx survives when its environment is rebuilt, so it counts; a relative one does not."""
    beside = script(prefix / "bin" / "offlineimap-m365")
    link = script(prefix.parent / "local" / "bin" / "offlineimap-m365")
    found = []
    for called in (str(link), "offlineimap-m365", "/somewhere/pytest"):
        monkeypatch.setattr(sys, "argv", [called])
        found += stub.command()

    assert found == [str(link), str(beside), str(beside)]


def test_the_stub_is_written_once(world: World) -> None:
    """It holds this version, is for its owner only, is valid Python, and is left alone while nothing changes."""
    path = stub.write_stub()
    before = path.stat()
    again = stub.write_stub().stat()
    text = path.read_text(encoding="utf-8")

    assert path == world.home / "pythonfile.py"
    assert (again.st_ino, again.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert before.st_mode & 0o777 == 0o600
    assert f"offlineimap-m365 {__version__};" in text
    assert compile(text, str(path), "exec")


def test_no_command_makes_a_stub_that_login_did_not(world: World) -> None:
    """Renewing is for a stub that is there."""
    stub.renew_stub()

    assert not world.home.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [(f"offlineimap-m365 {__version__};", "offlineimap-m365 0.0.1;"), ("STUB_COMMAND = ['", "STUB_COMMAND = ['/gone")],
)
def test_an_old_stub_is_renewed(world: World, old: str, new: str) -> None:
    """One of an older version, and one whose command is gone, is written anew by any command."""
    assert world
    path = stub.write_stub()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text

    stub.renew_stub()

    assert path.read_text(encoding="utf-8") == text


def test_a_newer_stub_is_left_alone(world: World) -> None:
    """Two installations side by side do not fight over it: the newer one's stays."""
    assert world
    path = stub.write_stub()
    newer = path.read_text(encoding="utf-8").replace(f"m365 {__version__};", "m365 99.0;")
    path.write_text(newer, encoding="utf-8")

    stub.renew_stub()

    assert path.read_text(encoding="utf-8") == newer


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# mine\n"])
def test_a_strange_stub_is_replaced_by_login_and_no_error_before(world: World, content: bytes) -> None:
    """What is no stub of ours does not stop any command, and login puts the real one there."""
    world.home.mkdir(mode=0o700)
    path = world.home / "pythonfile.py"
    path.write_bytes(content)

    stub.renew_stub()
    stub.write_stub()

    assert path.read_text(encoding="utf-8").startswith("# OfflineIMAP's")


def test_a_glob_matches_itself_only() -> None:
    """A package below a directory with brackets in its name is found, and no other."""
    assert stub.glob_escape("/a[1]*?") == "/a[[]1][*][?]"
