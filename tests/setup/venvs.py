"""
Virtual environments and wheels, made once and kept under the hash of what goes into them.

A *test* environment holds what tests import, a *product* environment what a user has and nothing else.
Products are made from a directory of wheels, offline, and so can be the ones that a test makes.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.setup import process

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.setup.pythons import Python

HERE = Path(__file__).resolve().parent
#: What tests import, and what checks the code besides.
TESTS = HERE / "requirements.txt"
CHECKS = HERE / "checks.txt"
#: What drives a browser.
BROWSER = HERE / "browser.txt"
#: What an installation from source needs besides (pyproject.toml, build-system; docs/hatch_build.py), and
#: pipx for its own environment.
BUILDING = ("hatchling", "shtab>=1.13", "pip", "setuptools", "offlineimap", "msal<2")


@dataclass(frozen=True)
class Venv:
    """A virtual environment at *path*."""

    path: Path

    @property
    def python(self) -> Path:
        """The interpreter of it."""
        return self.path / "bin" / "python"

    def version_of(self, package: str) -> str:
        """Return the version of an installed *package* (PyPA, "Recording installed projects"), else ""."""
        found = sorted(self.path.glob(f"lib/python*/site-packages/{package}-*.dist-info"))
        return found[0].name.removesuffix(".dist-info").partition("-")[2] if found else ""


@dataclass(frozen=True)
class Builder:
    """Makes environments below *folder*; *environ* is what pip may know of ours."""

    folder: Path
    environ: Mapping[str, str]

    def tests(self, python: Python, files: Sequence[Path], *, kind: str = "tests") -> Venv:
        """Return the environment with all that the requirements *files* name, and pip."""
        texts = [file.read_text("utf-8") for file in files]
        place = self._place(kind, python.version, [python.key(), *texts])
        if not _is_complete(place):
            self._start(place, kind, python.version)
            process.run([python.executable, "-m", "venv", place], environ=self.environ)
            pip = [str(place / "bin" / "python"), "-m", "pip", "--quiet", "install"]
            process.run([*pip, "--upgrade", "pip"], environ=self.environ)
            wanted = [part for file in files for part in ("--requirement", str(file))]
            process.run([*pip, *wanted], environ=self.environ)
            _finish(place)
        return Venv(place)

    def wheels(self, python: Python, pip: Venv, requirements: Sequence[tuple[str, ...]]) -> Path:
        """Return the directory with the wheels for each of the *requirements*, which may be at odds."""
        place = self._place("wheels", python.version, [python.key(), _month(), *map(" ".join, requirements)])
        if not _is_complete(place):
            self._start(place, "wheels", python.version)
            for wanted in requirements:
                command = [str(pip.python), "-m", "pip", "--quiet", "wheel", "--wheel-dir", str(place)]
                process.run([*command, *wanted], environ=self.environ)
            _finish(place)
        return place

    def product(self, python: Python, pip: Venv, wheels: Path, name: str, wanted: Sequence[str]) -> Venv:
        """Return the environment with the *wanted* packages from *wheels* and nothing else, not even pip."""
        place = self._place("product", name, [python.key(), wheels.name, *wanted])
        if not _is_complete(place):
            self._start(place, "product", name)
            process.run([python.executable, "-m", "venv", "--without-pip", place], environ=self.environ)
            self.install(Venv(place), pip, ["--no-index", "--find-links", str(wheels), *wanted])
            _finish(place)
        return Venv(place)

    def add(self, venv: Venv, pip: Venv, wheel: Path) -> None:
        """Have *venv* hold this very *wheel* of ours, without what it depends on."""
        note, value = venv.path / ".wheel", hashlib.sha256(wheel.read_bytes()).hexdigest()
        if note.exists() and note.read_text("ascii") == value:
            return
        note.unlink(missing_ok=True)
        self.install(venv, pip, ["--no-index", "--no-deps", "--force-reinstall", str(wheel)])
        note.write_text(value, "ascii")

    def install(self, venv: Venv, pip: Venv, arguments: Sequence[str]) -> None:
        """Install into *venv* with the pip of another environment of the same Python."""
        command = [str(pip.python), "-m", "pip", "--quiet", "--python", str(venv.python), "install"]
        process.run([*command, *arguments], environ=self.environ)

    def _place(self, kind: str, name: str, parts: Iterable[str]) -> Path:
        """Return where what is made of *parts* lies."""
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
        return self.folder / f"{kind}-{name}-{key}"

    def _start(self, place: Path, kind: str, name: str) -> None:
        """Remove what is unfinished at *place*, and what was made of other parts under the same name."""
        for old in self.folder.glob(f"{kind}-{name}-??????????"):
            shutil.rmtree(old)
        self.folder.mkdir(exist_ok=True)
        place.with_name(place.name + ".complete").unlink(missing_ok=True)


def _month() -> str:
    """Return this month: the newest MSAL is looked for once in it."""
    return time.strftime("%Y-%m")


def _is_complete(place: Path) -> bool:
    """Tell whether *place* was made to its end."""
    return place.is_dir() and place.with_name(place.name + ".complete").exists()


def _finish(place: Path) -> None:
    """Remember that *place* was made to its end."""
    place.with_name(place.name + ".complete").touch()
