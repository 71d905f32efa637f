"""
A new machine to install on: a Python, pipx, and an index without network.

The commands are those of the README, word for word; pip learns from its environment that its index is a directory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.whole.builds import inventory

if TYPE_CHECKING:
    from tests.world import Outcome, World

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
#: Seconds for one installation on a slow machine; pipx makes two environments.
PATIENCE = 200.0
#: What a release is made of (pyproject.toml, sdist).
_PARTS = ("offlineimap_m365", "tests", "docs", ".github", ".ci")
_FILES = (
    "pyproject.toml", "sample-offlineimaprc", "noxfile.py", "LICENSE", "NOTICE",
    "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md",
)  # fmt: skip


def section(heading: str, path: Path = README) -> str:
    """Return the text below a *heading* of a document, up to the next of its level."""
    return path.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def commands(text: str) -> list[str]:
    """Return the commands in the ``sh`` blocks of a *text*, in their order."""
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def table(text: str) -> list[list[str]]:
    """Return the rows of the first table in a *text* without its head, as cells without backticks."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


class Installation:
    """The machine of *world*."""

    def __init__(self, world: World) -> None:
        """Put Python on its PATH."""
        python = self._python()
        self.world = world
        self.home = Path(world.environ["HOME"])
        self.bin = self.home / ".local/bin"
        tools = world.root / "tools"
        tools.mkdir()
        (tools / "python3").symlink_to(python["python"])
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert uv, "uv is not installed; run: tests/run"
        (tools / "uv").symlink_to(uv)
        world.environ = {name: value for name, value in world.environ.items() if not name.startswith("XDG_")} | {
            "PATH": f"{self.bin}:{tools}:/usr/bin:/bin",
            "PIPX_DEFAULT_PYTHON": python["python"],
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": python["wheels"],
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",  # for speed
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": python["wheels"],
            "UV_PYTHON": python["python"],
        }

    @staticmethod
    def _python() -> dict[str, Any]:
        """Return the row of the Python that runs the tests; its wheels hold what a build needs."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        row: dict[str, Any] = next(row for row in inventory()["pythons"] if row["version"] == version)
        return row

    def clone(self, version: str = "") -> Path:
        """Return a clone of this checkout, made to say that it is another *version*."""
        place = self.world.root / f"clone{version}"
        place.mkdir()
        for name in _PARTS:
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _FILES:
            shutil.copy2(ROOT / name, place / name)
        if version:
            path = place / "offlineimap_m365" / "base" / "version.py"
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r'(__version__ = ")[^"]*', rf"\g<1>{version}", text), encoding="utf-8")
        return place

    def release(self, name: str) -> list[Path]:
        """Return sdist and wheel of a clone of its own, in a directory called *name*."""
        target = self.world.root / name
        clone = self.clone("9.9.9").rename(self.world.root / f"clone-{name}")
        # with the very backend that pyproject.toml names, which lies beside the tests
        command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(target)]
        done = subprocess.run(command, cwd=clone, env=self.world.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return sorted(target.iterdir())

    def run(self, command: str, *, where: Path | None = None, stdin: str | None = None) -> Outcome:
        """Run a *command* in a shell as somebody types it, in the home unless *where* says another place."""
        line = f"cd '{where or self.home}' && {command}"
        return self.world.execute(["/bin/sh", "-c", line], stdin=stdin, timeout=PATIENCE)

    def do(self, command: str, *, where: Path | None = None) -> str:
        """Run a *command* that must succeed, and return what it printed."""
        done = self.run(command, where=where)
        assert done.code == 0, f"{command}\n{done.out}{done.err}"
        return done.out

    def on_path(self) -> set[str]:
        """Return the commands that were put where the person's shell finds them."""
        return {path.name for path in self.bin.iterdir()} if self.bin.is_dir() else set()
