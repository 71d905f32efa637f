"""What a program cannot do is said by ``config``, out of the table and by asking the program that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.recipes import limits, targets
from tests import certificates

if TYPE_CHECKING:
    from tests.world import World


@pytest.mark.parametrize(("system", "is_said"), [("darwin", True), ("linux", False)])
def test_a_limit_of_another_system_is_not_said(
    world: World, monkeypatch: pytest.MonkeyPatch, system: str, is_said: bool
) -> None:
    """A limit of Homebrew's mbsync is shown on macOS only."""
    monkeypatch.setattr("sys.platform", system)

    assert any("Homebrew" in line for line in limits.of("mbsync")) == is_said


@pytest.mark.parametrize(
    ("script", "seconds", "version", "is_said"),
    [
        ("echo This is fetchmail release 6.4.37+GSS+NTLM", 30, "6.4.37", True),
        ("echo 'This is fetchmail release 7.0.0-alpha11'", 30, "7.0.0", False),
        ("echo whatever; exit 1", 30, None, False),
        ("exec /bin/sleep 60", 0.05, None, False),
    ],
)
def test_a_program_that_is_too_old_here_is_named(  # noqa: PLR0917 - fixtures and the columns of a table
    world: World, monkeypatch: pytest.MonkeyPatch, script: str, seconds: float, version: str | None, is_said: bool
) -> None:
    """The installed program is asked for its version; one that is too old is named, one that does not answer is not."""
    certificates.write(world.root / "fetchmail", f"#!/bin/sh\n{script}\n", mode=0o755)
    monkeypatch.setenv("PATH", f"{world.root}:/usr/bin:/bin")
    monkeypatch.setattr(limits, "_PATIENCE", seconds)

    assert limits.of("fetchmail")[0].startswith("fetchmail 6.4.37 is installed") == is_said
    assert limits.version("fetchmail") == version
    assert limits.version("offlineimap") is None


@pytest.mark.parametrize(("version", "line"), [("0.14.0", "smtp-starttls = yes"), ("0.20.0", "#smtp-starttls = yes")])
def test_aerc_before_0_15_is_told_to_use_tls(
    world: World, monkeypatch: pytest.MonkeyPatch, version: str, line: str
) -> None:
    """Without the line an old aerc sends in clear; in a newer one a warning about it covers the screen."""
    certificates.write(world.root / "aerc", f"#!/bin/sh\necho aerc {version}\n", mode=0o755)
    monkeypatch.setenv("PATH", f"{world.root}:/usr/bin:/bin")

    assert line in recipes.render("aerc", targets.defaults("alice@example.org")).splitlines()
