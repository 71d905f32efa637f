"""The checks of this machine: the home, the command of notify, the stub, and which Python runs which OfflineIMAP."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365 import doctor
from offlineimap_m365.base import atomic_file
from offlineimap_m365.base.version import __version__
from offlineimap_m365.doctor.check import Step, Subject
from offlineimap_m365.doctor.local import versions
from offlineimap_m365.knowledge import installation
from offlineimap_m365.tokens import notify
from tests.doctor_checks import checks_of, follow, is_well, named, offline, only, put_stub
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from offlineimap_m365.doctor import Check
    from tests.world import World


@pytest.fixture
def alice(world: World) -> World:
    """Return the world of somebody who signed in, with what a login writes."""
    invent()
    put_stub()
    return world


def examined() -> list[Check]:
    """Return the checks of the home and what lies in it."""
    steps = doctor.machine_steps((ALICE,), ())
    return [check for check in checks_of(steps, Subject("", "")) if check.name in ("home", "notify", "stub")]


def test_a_good_place_is_told_in_three_lines(alice: World) -> None:
    """Home, notify and stub, in this order, each with what is there; and where a cron job would look."""
    found = examined()

    assert [(check.name, check.ok) for check in found] == [("home", True), ("notify", True), ("stub", True)]
    assert "XDG_DATA_HOME names it" in found[0].meaning
    assert f"unless they are told OFFLINEIMAP_M365_HOME={alice.home}" in found[0].meaning
    assert f"pythonfile = {alice.home}/pythonfile.py" in found[2].meaning
    assert list(alice.home.glob(".*")) == []


def put(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file of the home."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def link(path: Path) -> None:
    """Move *path* away, and put a link in its place."""
    elsewhere = Path(tempfile.mkdtemp()) / path.name
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def rewrite(home: Path, old: str, new: str) -> None:
    """Replace *old* by *new* in the stub."""
    path = home / "pythonfile.py"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
FOLDER = f"accounts/{ALICE}"
BROKEN: tuple[tuple[str, str, Callable[[Path], object]], ...] = (
    ("home", "others may write to it", lambda home: home.chmod(0o702)),
    ("home", "others may write to the folder of all accounts", lambda home: (home / "accounts").chmod(0o702)),
    ("home", "others may write to a directory above", lambda home: home.parent.chmod(0o777)),
    ("home", "it is shut to its owner", lambda home: home.chmod(0o500)),
    ("home", "it cannot be entered", lambda home: home.chmod(0o600)),
    ("home", "the folder of all accounts is a link", lambda home: link(home / "accounts")),
    ("notify", "its file is broken", lambda home: put(home / "notify.json", "{")),
    ("notify", "others may write", lambda home: put(home / "notify.json", '{"version": 1, "command": "true"}', 0o602)),
    ("notify", "its program is gone", lambda _: notify.choose("/opt/gone/notify-me --now")),
    ("notify", "its program is not on the path", lambda _: notify.choose('no-such-program "$M365_ACCOUNT"')),
    ("stub", "it is gone", lambda home: (home / "pythonfile.py").unlink()),
    ("stub", "it is of an older version", lambda home: rewrite(home, __version__, "0.0.1")),
    ("stub", "its command is gone", lambda _: put_stub("/opt/gone/offlineimap-m365")),
    ("stub", "its command fails", lambda _: put_stub("/bin/false")),
    ("stub", "it names no command", lambda home: rewrite(home, "STUB_COMMAND", "COMMAND")),
    ("stub", "others may write to it", lambda home: (home / "pythonfile.py").chmod(0o666)),
    ("stub", "it is somebody's own file", lambda home: put(home / "pythonfile.py", "mine = 1\n")),
    ("profile", "others may write to it", lambda home: (home / FOLDER / "profile.json").chmod(0o606)),
    ("profile", "others may write to its folder", lambda home: (home / FOLDER).chmod(0o702)),
    ("profile", "it is a link", lambda home: link(home / FOLDER / "profile.json")),
    ("profile", "the cache is a link", lambda home: link(home / FOLDER / "cache.json")),
    ("profile", "its folder is a link", lambda home: link(home / FOLDER)),
    ("store", "others may write to the cache", lambda home: (home / FOLDER / "cache.json").chmod(0o606)),
)


@pytest.mark.once
def test_each_way_to_break_it_is_named_alone_and_healed_by_its_advice(alice: World, subtests: pytest.Subtests) -> None:
    """One cause is one failed check, and the command of its remedy repairs it."""
    for name, way, break_it in BROKEN:
        with subtests.test(f"{name}: {way}"):
            put_stub()
            break_it(alice.home)

            check = only(offline(), name)
            follow(check)

            assert check.account == (ALICE if name in ("profile", "store") else None)
            assert is_well(offline())


def test_a_home_that_others_could_read_is_closed_and_told(alice: World) -> None:
    """What was closed a moment ago is no failure any more, but somebody may have read it: one sentence says so."""
    (alice.home / "accounts" / ALICE / "profile.json").chmod(0o644)
    alice.home.chmod(0o755)

    check = named(offline(), "home")

    assert check.ok is True
    assert f"{alice.home} could be read by others and was closed" in check.meaning
    assert "profile.json could be read by others and was closed" in check.meaning


def test_what_a_file_system_cannot_do(alice: World) -> None:
    """Full, over quota, read-only or broken, and without modes, it is a failure; without flock it is mentioned."""
    cases = [(atomic_file, "prove_space", number, os.strerror(number), "df -h ") for number in UNWRITABLE]
    cases += [(os, "chmod", errno.EPERM, "cannot be closed", "chmod go= "), (fcntl, "flock", errno.ENOSYS, "flock", "")]
    for module, name, number, words, command in cases:
        alice.home.chmod(0o755 if name == "chmod" else 0o700)
        with mock.patch.object(module, name, side_effect=OSError(number, os.strerror(number))):
            check = named(examined(), "home")

        assert (check.ok, words in check.meaning) == (not command, True)
        assert (check.remedy.command or "").startswith(command)


def test_a_home_behind_a_directory_that_cannot_be_read_is_not_empty(alice: World) -> None:
    """An AFS home without a ticket cannot be read now; that nobody is signed in is not said."""
    above = alice.home.parent
    above.chmod(0)
    try:
        found, by_name = offline(), offline(ALICE)
    finally:
        above.chmod(0o700)

    assert "cannot be read now" in only(found, "home").meaning
    assert only(by_name, "home")
    assert {check.since for check in by_name if check.ok is None} == {"home"}


def test_where_nobody_is_signed_in_there_is_one_failure(world: World) -> None:
    """The command to sign in, and the directory that was searched: in cron, and before XDG_DATA_HOME, another one."""
    usual = world.root / "home" / ".local" / "share" / "offlineimap-m365"
    for path in (None, world.home, usual / "accounts"):
        if path is not None:
            path.mkdir(0o700, parents=True)

        check = only(offline(), "sign-in")

        assert check.remedy.command == "offlineimap-m365 login you@example.org"
        assert f"Searched in {world.home}" in check.meaning
        assert ("XDG_DATA_HOME" in check.meaning, world.home.exists()) == (True, path is not None)
        assert (f"set OFFLINEIMAP_M365_HOME={usual}" in check.remedy.advice) is (path == usual / "accounts")


def test_a_command_that_the_shell_can_run_is_good(alice: World) -> None:
    """Programs, words of the shell, and what only the shell can tell; nothing is run for it."""
    words = ("true", "M365=1 printf x", "if true; then echo x; fi", "cd / && echo x", "echo \udcff\ud800")
    for chosen in (*words, "$HOME/bin/whatever", "~/bin/whatever"):
        notify.choose(f"{chosen} && touch ran")

        assert named(examined(), "notify").ok is True, chosen
    assert not Path("ran").exists()


# OfflineIMAP

PRINTS_VERSION = "print('8.0.2')"


def program(world: World, head: str, body: str = PRINTS_VERSION) -> Path:
    """Put a script called offlineimap on the PATH, before all others; return it: a link to elsewhere, as Debian's."""
    real, link = world.root / "share" / "run", world.root / "bin" / "offlineimap"
    for path in (real, link):
        path.parent.mkdir(parents=True, exist_ok=True)
    real.write_text(f"{head}\n{body}")
    real.chmod(0o755)
    link.symlink_to(real)
    world.environ["PATH"] = f"{link.parent}:/usr/bin:/bin"
    world.enter()
    return link


def look() -> Check:
    """Return the check of OfflineIMAP."""
    return Step(versions.OFFLINEIMAP, versions.examine_offlineimap).check(Subject("", ""))


def test_an_msal_that_cannot_be_loaded(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken MSAL is the one failure, with why; nothing that needs it is tried. One on PYTHONPATH is taken away."""
    (tmp_path / "msal.py").touch()
    monkeypatch.setattr(versions, "which", lambda _: None)
    for error in (ModuleNotFoundError("No module named 'x'"), SyntaxError("invalid"), RuntimeError("\x1b[31m")):
        monkeypatch.setattr(versions, "importlib", mock.Mock(import_module=mock.Mock(side_effect=error)))
        for path, command in ((str(tmp_path), "unset PYTHONPATH"), ("", installation.repair().command)):
            monkeypatch.setenv("PYTHONPATH", path)

            checks = list(doctor.examine(doctor.Order()))

            assert [(check.name, check.ok) for check in checks] == [("versions", False), ("offlineimap", True)]
            assert checks[0].meaning.startswith(f"MSAL cannot be loaded ({type(error).__name__}: ")
            assert "\x1b" not in checks[0].meaning
            assert checks[0].remedy.command == command


_PIP = "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''"


@pytest.mark.parametrize(
    ("head", "python"),
    [
        (f"#!{sys.executable}", sys.executable),
        ("#!/usr/bin/python3", "/usr/bin/python3"),
        ("#! /usr/bin/env python3", "/usr/bin/python3"),
        ("#!/usr/bin/env -S python3 -E", "/usr/bin/python3"),
        ("#!/usr/bin/env -S -i PATH=/usr/bin python3", "/usr/bin/python3"),
        (_PIP.format(python='"/usr/bin/python3"'), "/usr/bin/python3"),
        (_PIP.format(python="/usr/bin/python3"), "/usr/bin/python3"),
        ("#!/bin/sh\necho 8.0.2; exit", "a Python that cannot be known"),
    ],
)
def test_the_python_that_a_script_names(world: World, head: str, python: str) -> None:
    """In the forms in which pip, distributions and people write it, of a script behind a link."""
    path = program(world, head)

    found = look()

    assert (found.ok, found.meaning) == (True, f"OfflineIMAP 8.0.2 ({path}) is run by {python}")


@pytest.mark.parametrize(
    ("python", "body", "words"),
    [
        ("/usr/bin/python3", "import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("/usr/bin/python3", "raise SystemExit('\\x1b[31m')", "\ufffd[31m"),
        ("/usr/bin/python3", "import time; time.sleep(60)", "timed out"),
        ("/usr/bin/no-such-python", "", "does not start"),
    ],
)
def test_an_offlineimap_that_does_not_start(
    world: World, monkeypatch: pytest.MonkeyPatch, python: str, body: str, words: str
) -> None:
    """As after an upgrade of Python: its own last words are told; it may need PYTHONPATH, which it is not given."""
    if "sleep" in body:
        monkeypatch.setattr(versions, "_PATIENCE", 0.1)
    program(world, f"#!{python}", body)

    found = look()
    monkeypatch.setenv("PYTHONPATH", "/somewhere")

    assert found.ok is False
    assert words in found.meaning
    assert found.remedy.command == "pipx install --force 'offlineimap>=8.0.2'"
    assert look().ok is None
