"""The stub in the home: what it records, when it is written, and what it does where nothing is installed any more."""

from __future__ import annotations

import json
import site
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base.version import __version__
from offlineimap_m365.knowledge import installation
from offlineimap_m365.plugin import stub

if TYPE_CHECKING:
    from tests.world import World


def executable(path: Path, body: str = "") -> Path:
    """Write a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_command_is_the_script_that_was_called_or_that_of_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link of pipx survives when its environment is made again; a relative name does not; else python -m works."""
    prefix = world.root / "venv"
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "argv", ["-m"])
    assert stub.command() == [sys.executable, "-m", "offlineimap_m365"]

    script = executable(prefix / "bin" / "offlineimap-m365")
    link = executable(world.root / "local" / "bin" / "offlineimap-m365")
    for called, command in ((link, link), ("offlineimap-m365", script), ("/somewhere/pytest", script)):
        monkeypatch.setattr(sys, "argv", [str(called)])
        assert stub.command() == [str(command)]


def test_the_stub_is_written_once(world: World) -> None:
    """It records version, prefix and home, is for its owner only, and is left alone until a login."""
    path = stub.write_stub()
    before = path.stat()
    stub.renew_stub()
    again = path.stat()
    text = path.read_text(encoding="utf-8")

    assert path == world.home / "pythonfile.py"
    assert (again.st_ino, again.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert before.st_mode & 0o777 == 0o600
    assert f"offlineimap-m365 {__version__};" in text
    for line in (f"PREFIX = {sys.prefix!r}", f"VERSION = {sys.version_info[:2]}", f"HOME = {str(world.home)!r}"):
        assert f"STUB_{line}\n" in text


_LOADED = """
import json, os, runpy, sys
names = runpy.run_path(sys.argv[1])
try:
    token = names["get_access_token"]("alice@example.org")
except Exception as error:
    token = "{}: {}".format(type(error).__name__, error)
print(json.dumps([token, names["folderfilter"]("Calendar"), os.environ.get("OFFLINEIMAP_M365_HOME")]))
"""


def load(world: World, text: str) -> tuple[str, bool, str | None]:
    """Load a stub of this *text* in a new process; return token or error, what the filter says, and the home in use."""
    path = world.root / "pythonfile.py"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", _LOADED, str(path)]
    done = subprocess.run(command, env=world.environ, capture_output=True, text=True, check=True, cwd=world.root)
    token, keeps, home = json.loads(done.stdout)
    return token, keeps, home


def test_a_foreign_interpreter_asks_the_recorded_command(world: World) -> None:
    """Python 3.10 and 3.11 in /usr/local share a prefix: the other one's MSAL must not be loaded."""
    asked = executable(world.root / "bin" / "offlineimap-m365", "echo from-the-command")
    text = stub.write_stub().read_text(encoding="utf-8")
    text = text.replace(f"STUB_COMMAND = {stub.command()!r}", f"STUB_COMMAND = {[str(asked)]!r}")
    old = [line for line in text.splitlines() if not line.startswith(("STUB_VERSION", "STUB_HOME", "STUB_REPAIR"))]

    assert load(world, text)[0].startswith("SignInNeeded: ")
    assert load(world, text.replace(f"VERSION = {sys.version_info[:2]}", "VERSION = (3, 9)"))[0] == "from-the-command"
    # One of release 0.1.0 records no version: the command is asked unless the package is the interpreter's own.
    token, keeps, home = load(world, "\n".join(old))
    is_installed = str(Path(stub.__file__).resolve().parents[2]) in site.getsitepackages()
    assert ((token == "from-the-command") is not is_installed, keeps, home) == (True, False, None)


def test_the_home_that_login_used_is_used_where_the_environment_names_none(world: World) -> None:
    """OfflineIMAP in cron has no XDG_DATA_HOME; OFFLINEIMAP_M365_HOME counts; a home that was moved does not."""
    text = stub.write_stub().read_text(encoding="utf-8")
    home = str(world.home)
    del world.environ["XDG_DATA_HOME"]
    token, _, used = load(world, text)
    assert used == home
    assert home in token

    world.environ["OFFLINEIMAP_M365_HOME"] = str(world.root / "other")
    assert load(world, text)[2] == str(world.root / "other")

    del world.environ["OFFLINEIMAP_M365_HOME"]
    assert load(world, text.replace(home, str(world.root / "moved")))[2] is None


def test_where_nothing_is_installed_it_says_how_to_install_it_again(world: World) -> None:
    """One line with the recorded command; the filter keeps everything, so no mail is lost."""
    text = stub.write_stub().read_text(encoding="utf-8").replace("STUB_PACKAGES = ['", "STUB_PACKAGES = ['/gone")
    remedy = installation.repair()

    token, keeps, _ = load(world, text.replace(", '/", ", '/gone/"))

    assert token.startswith("RuntimeError: alice@example.org: ")
    assert sys.prefix in token
    assert remedy.advice in token
    assert remedy.command is None or remedy.command in token
    assert keeps is True


@pytest.mark.parametrize(
    ("old", "new", "is_renewed"),
    [
        (f"offlineimap-m365 {__version__};", "offlineimap-m365 0.0.1;", True),
        ("STUB_COMMAND = ['", "STUB_COMMAND = ['/gone", True),
        ("STUB_HOME = ", "HOME = ", True),  # a stub of release 0.1.0 records no home
        (f"m365 {__version__};", "m365 99.0;", False),
        ("Written by", "Mine, not by", False),
        ("Written by", "\ufffe", False),
    ],
)
def test_any_command_renews_an_old_stub(world: World, old: str, new: str, *, is_renewed: bool) -> None:
    """If it is older or its command is gone; not a newer one, nor the user's own file, which login replaces."""
    stub.renew_stub()
    assert not world.home.exists(), "only login makes one"
    path = stub.write_stub()
    text = path.read_text(encoding="utf-8")
    changed = text.replace(old, new).encode("utf-16" if new == "\ufffe" else "utf-8")
    path.write_bytes(changed)

    stub.renew_stub()
    assert path.read_bytes() == (text.encode() if is_renewed else changed)

    stub.write_stub()
    assert path.read_text(encoding="utf-8") == text


def test_what_is_wrong_with_the_stub(world: World) -> None:
    """Each fault of the file is told apart, and there is none right after a login."""
    path = stub.stub_path()
    faults = [stub.stub_fault()]
    text = stub.write_stub().read_text(encoding="utf-8")
    assert stub.stub_fault() == ""
    for content in (b"mine", b"\xff", text.replace(__version__, "0.0.1").encode()):
        path.write_bytes(content)
        faults.append(stub.stub_fault())
    path.chmod(0o666)
    faults.append(stub.stub_fault())

    assert faults[1] == stub.FOREIGN
    assert "" not in faults
    assert len(set(faults)) == 5
