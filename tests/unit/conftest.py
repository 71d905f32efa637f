"""
An offlineimaprc for the tests of what reads and mends one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.offlineimaprc_file import OfflineimaprcFile, make_offlineimaprc

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import World


@pytest.fixture
def config(world: World, monkeypatch: pytest.MonkeyPatch) -> OfflineimaprcFile:
    """Return the shipped sample, filled in for Alice, who is signed in; no OfflineIMAP is on the PATH."""
    monkeypatch.setenv("PATH", str(world.root / "bin"))
    return make_offlineimaprc(world)


@pytest.fixture
def program(world: World) -> Path:
    """Return an offlineimap on the PATH that this Python runs."""
    made = world.root / "bin" / "offlineimap"
    made.parent.mkdir()
    made.write_text(f"#!{sys.executable}\n", encoding="utf-8")
    made.chmod(0o755)
    return made
