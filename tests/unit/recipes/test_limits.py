"""What a program cannot do is said by ``config``, out of the table and by asking the program that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.knowledge import tables
from offlineimap_m365.recipes import limits

if TYPE_CHECKING:
    from tests.world import World


def test_limits_are_listed_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each limit comes with the versions in which it was seen; what was never tested is said first."""
    row = {"tested": "", "limits": [{"what": "No XOAUTH2", "versions": "before 1.8", "source": "x"}]}
    monkeypatch.setitem(tables.load("programs")["programs"], "msmtp", {**limits.rows()["msmtp"], **row})

    found = limits.of("msmtp")

    assert "never tested" in found[0]
    assert found[1] == "msmtp before 1.8: No XOAUTH2"


@pytest.mark.parametrize(("system", "is_said"), [("darwin", True), ("linux", False)])
def test_a_limit_of_another_system_is_not_said(
    world: World, monkeypatch: pytest.MonkeyPatch, system: str, is_said: bool
) -> None:
    """A limit of Homebrew's mbsync is shown on macOS only."""
    monkeypatch.setattr("sys.platform", system)

    found = limits.of("mbsync")

    assert any("Homebrew" in line for line in found) == is_said


@pytest.mark.parametrize(
    ("script", "found", "is_said"),
    [
        ("echo This is fetchmail release 6.4.37+GSS+NTLM", "6.4.37", True),
        ("echo 'This is fetchmail release 7.0.0-alpha11'", "7.0.0", False),
        ("echo whatever; exit 1", None, False),
    ],
)
def test_a_program_that_is_too_old_here_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, script: str, found: str | None, is_said: bool
) -> None:
    """The installed program is asked for its version, and an older one than needed is named."""
    path = world.root / "programs" / "fetchmail"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    program = "fetchmail"

    said = limits.of(program)

    assert limits.version(program) == found
    assert said[0].startswith("fetchmail 6.4.37 is installed") == is_said


def test_a_program_that_hangs_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not there, cannot be run or does not answer has no version."""
    program = "mbsync"
    path = world.root / "mbsync"
    monkeypatch.setenv("PATH", str(world.root))
    found = [limits.version(program)]
    monkeypatch.setattr(limits, "_PATIENCE", 0.1)
    for script in ("#!/bin/sh\nexec /bin/sleep 60\n", "#!/no/such/interpreter\n"):
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)
        found.append(limits.version(program))

    assert found == [None, None, None]
    assert limits.version("offlineimap") is None
