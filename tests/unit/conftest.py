"""
A desk with an offlineimaprc on it, for the rooms of the doctor that read one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.plugin import stub as stub_
from tests.kept import ALICE, invent
from tests.unit.desk import FOLDERS, SAMPLE, Desk
from tests.whole.sync import fill_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import World


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return the shipped sample, filled in for Alice, whose sign-in is kept."""
    invent(ALICE, imap="outlook.office365.com:993")
    stub = stub_.write_stub()
    monkeypatch.setenv("PATH", str(world.root / "bin"))
    values = {
        "you@example.org": ALICE,
        "work": "work",
        "~/.local/share/offlineimap-m365/pythonfile.py": str(stub),
        "~/Mail/work": str(world.root / "mail"),
    }
    made = Desk(world.root / "offlineimaprc", [Subject(ALICE, ALICE, offline=True)])
    text = fill_in(SAMPLE.read_text(encoding="utf-8"), values)
    made.write(text.replace("/etc/ssl/certs/ca-certificates.crt", str(world.root / "ca.pem")))
    return made


@pytest.fixture
def program(world: World) -> Path:
    """Return an offlineimap on the PATH that this Python runs."""
    made = world.root / "bin" / "offlineimap"
    made.parent.mkdir()
    made.write_text(f"#!{sys.executable}\n", encoding="utf-8")
    made.chmod(0o755)
    return made


@pytest.fixture
def online(desk: Desk) -> Desk:
    """Return the desk of somebody whose mailbox can be opened."""
    desk.subjects = [Subject(ALICE, ALICE)]
    desk.folders = FOLDERS
    return desk
