"""Which programs there are: this one and MSAL, and which Python runs which OfflineIMAP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365 import doctor
from offlineimap_m365.doctor.check import Step, Subject
from offlineimap_m365.doctor.local import versions
from offlineimap_m365.knowledge import installation

if TYPE_CHECKING:
    from pathlib import Path

    from offlineimap_m365.doctor.check import Check
    from tests.world import World

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


def test_our_own_versions() -> None:
    """This program, Python and what MSAL lives on are named with their versions."""
    check = versions.examine_ours(Subject("", ""))

    assert check.ok is True
    text = "; ".join([check.meaning, *check.details])
    for name in ("offlineimap-m365 0.", f"Python {sys.version.split()[0]} ({sys.executable})", "msal 1.", "OpenSSL"):
        assert name in text


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
