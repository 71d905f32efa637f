"""The mail programs of this machine: which there are, which are too old, and what each cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.doctor.local import versions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import World


@pytest.fixture
def path(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only directory on the PATH, empty."""
    made = world.root / "bin"
    made.mkdir()
    monkeypatch.setenv("PATH", str(made))
    return made


def install(path: Path, name: str, says: str, *, code: int = 0) -> None:
    """Put a program on the *path* that says its version."""
    (path / name).write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n", encoding="utf-8")
    (path / name).chmod(0o755)


def test_without_any_that_is_said(path: Path) -> None:
    """A machine without mail programs is no failure."""
    check = versions.examine_programs(Subject("", ""))

    assert check.ok is True
    assert "No mail program" in check.meaning


def test_versions_and_limits_are_told(path: Path) -> None:
    """What the table says of a program that is installed, in the words of ``config``."""
    install(path, "msmtp", "msmtp version 1.8.23")

    check = versions.examine_programs(Subject("", ""))

    assert check.ok is True
    assert check.meaning == "On the PATH are msmtp 1.8.23"
    assert "3,049 characters" in str(check.details)
    assert "AppArmor" in str(check.details)


def test_one_that_is_too_old_is_no_failure(path: Path) -> None:
    """It may be there for another mailbox: it is told, and the doctor's exit code does not depend on it."""
    install(path, "fetchmail", "This is fetchmail release 6.4.37")

    check = versions.examine_programs(Subject("", ""))

    assert check.ok is True
    assert "fetchmail 6.4.37 (too old: 7 is needed)" in check.meaning


@pytest.mark.parametrize("says", ["", "\x1b[31m no version", "9" * 5000])
def test_whatever_it_says_it_is_only_a_program(path: Path, says: str) -> None:
    """Without a version it is as if it was not there; and none is waited for longer than a moment."""
    install(path, "msmtp", says, code=1)

    assert versions.examine_programs(Subject("", "")).ok is True
