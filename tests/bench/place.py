"""
Where a benchmark happens: a world, an Entra in it, and an account that is signed in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import trustme

from tests.m365.entra import Entra
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, keep
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.accounts.profiles import Account


@dataclasses.dataclass(frozen=True)
class Place:
    """The surroundings of one benchmark; *venv* is where the product is installed."""

    venv: Path
    world: World
    entra: Entra
    ca: trustme.CA
    account: Account

    @property
    def python(self) -> str:
        """The interpreter that runs the product, and what it is compared with."""
        return str(self.venv / "bin" / "python")

    @property
    def token(self) -> list[str]:
        """The command that is measured."""
        return [str(self.venv / "bin" / "offlineimap-m365"), "token", ALICE]

    @property
    def cache(self) -> Path:
        """The file with the tokens."""
        return Path(self.account.folder) / "cache.json"


@contextlib.contextmanager
def place(venv: Path) -> Iterator[Place]:
    """Make the surroundings, and clear them away."""
    with TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        ca = trustme.CA()
        for part in ("world", "entra"):
            (root / part).mkdir()
        ca.cert_pem.write_to_path(str(root / "ca.pem"))
        world = World.make(root / "world", root / "ca.pem")
        world.enter()
        with Entra(root / "entra", ca) as entra:
            entra.add_person(ALICE, PASSWORD)
            yield Place(venv, world, entra, ca, keep(entra))


def machine() -> str:
    """Return the day, and what it is measured on."""
    when, cores = time.strftime("%Y-%m-%d"), os.cpu_count()
    return f"{when}, {_processor()}, {cores} processors, Linux {platform.release()}; Python {platform.python_version()}"


def _processor() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text(encoding="utf-8").splitlines() if found.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
