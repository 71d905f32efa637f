"""What is made of a machine: interpreters, environments with the wheel of this checkout, an inventory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tests.setup import inventory, matrix, process, pythons, venvs
from tests.setup.environ import for_testing
from tests.setup.report import StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.setup.pythons import Python
    from tests.setup.user import User
    from tests.setup.venvs import Builder, Venv

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
#: pip waits for the network and for the disk in turn, and a small machine has two cores.
_AT_A_TIME = 2


@dataclass
class Machine:
    """
    The state of a run between its steps.

    *kept* stays between runs, *passing* goes; *user* runs the tests. *pythons* are those of the package, the
    one for the whole suite first; *foreign* are older; *tests* has the test environment of each version.
    """

    kept: Path
    passing: Path
    user: User | None
    builder: Builder
    pythons: list[Python] = field(default_factory=list)
    foreign: list[Python] = field(default_factory=list)
    tests: dict[str, Venv] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        """The copy of the checkout."""
        return self.passing / "tree"

    @property
    def main(self) -> Venv:
        """The environment that checks the code and runs the whole suite."""
        return self.tests[self.pythons[0].version]

    def find_pythons(self, *, quick: bool) -> str:
        """Find the interpreters, copy what the user cannot read; *quick* keeps one and the older ones."""
        usable = self._usable(pythons.SUPPORTED)
        if not usable:
            raise StepError(
                "No Python from 3.10 to 3.13 with venv and ensurepip was found that an ordinary user can run."
            )
        first = matrix.main_version([python.version for python in usable])
        usable.sort(key=lambda python: python.version != first)
        self.pythons = usable[:1] if quick else usable
        self.foreign = self._usable(pythons.FOREIGN)
        return " ".join(python.version for python in (*self.pythons, *self.foreign))

    def _usable(self, versions: tuple[str, ...]) -> list[Python]:
        """Return the interpreters of these *versions* that the user can run."""
        folder = self.kept / "pythons"
        folder.mkdir(exist_ok=True)
        found = in_parallel(lambda python: pythons.readable(python, folder, self.user), pythons.find(versions))
        return [python for python in found if python]

    def make_main(self) -> str:
        """Make the environment that checks the code and runs the whole suite."""
        python = self.pythons[0]
        self.tests[python.version] = self.builder.tests(python, (venvs.TESTS, venvs.CHECKS, venvs.BROWSER))
        return python.version

    def make_wheel(self) -> Path:
        """Return the wheel of this checkout, made as the user and without the network."""
        target = self.passing / "tmp" / "wheel"
        command = [str(self.main.python), "-m", "pip", "--quiet", "wheel", "--no-index", "--no-deps"]
        command += ["--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(target), str(self.tree)]
        environ = {**self.builder.environ, **for_testing(self.passing)}
        process.run(command, environ=environ, user=self.user)
        return next(target.glob("*.whl"))

    def make_others(self, wheel: Path) -> str:
        """Make the other test environments and all products, with *wheel* in each, and the inventory."""
        chosen = matrix.products(sorted((python.version for python in self.pythons), key=_as_numbers))
        made = in_parallel(lambda python: self._make_for(python, wheel, chosen), self.pythons)
        rows = [row for rows, _ in made for row in rows]
        spares = [spare for _, spare in made] + [inventory.spare(python, None) for python in self.foreign]
        inventory.write(self.passing / "environments.json", wheel, rows, spares)
        return f"{len(self.tests)} to test in, {len(rows)} to test"

    def _make_for(
        self, python: Python, wheel: Path, chosen: list[matrix.Product]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Make all for one *python*; return its rows of the inventory."""
        is_main = python is self.pythons[0]
        pip = self.main if is_main else self.builder.tests(python, (venvs.TESTS,))
        self.tests[python.version] = pip
        self.builder.add(pip, pip, wheel)
        mine = [product for product in chosen if product.version == python.version]
        wanted = [product.requirements() for product in mine]
        wheels = self.builder.wheels(python, pip, [*wanted, venvs.BUILDING] if is_main else wanted)
        rows = []
        for product in mine:
            venv = self.builder.product(python, pip, wheels, product.name(), product.requirements())
            self.builder.add(venv, pip, wheel)
            rows.append(inventory.product(python.version, venv, main=is_main))
        return rows, inventory.spare(python, wheels)


def in_parallel(act: Callable[[_Item], _Made], items: Iterable[_Item]) -> list[_Made]:
    """Return what *act* makes of the *items*, a few at a time; a failure or Ctrl-C ends them all."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        tasks = [pool.submit(act, item) for item in items]
        try:
            return [task.result() for task in tasks]
        except (StepError, KeyboardInterrupt):
            pool.shutdown(wait=False, cancel_futures=True)
            process.end_children()
            raise


def _as_numbers(version: str) -> tuple[int, ...]:
    """Return ``3.10`` as something that sorts after ``3.9``."""
    return tuple(map(int, version.split(".")))
