"""Fences that import-linter has no word for: rooms that foreign interpreters load, and rooms that stand alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "offlineimap_m365"
#: Loaded by whatever Python runs a distribution's OfflineIMAP.
FOREIGN = (
    "command",
    "doctor/offlineimaprc/child",
    "environment",
    "errors",
    "folders",
    "home",
    "learnt",
    "names",
    "notices",
    "plugin",
    "pythonfile",
    "redaction",
    "runtime",
    "utf7",
    "warm",
    "words",
)
#: Room by room, which others of ours it may import; all of them live off the standard library.
ALONE = {
    "environment": frozenset[str](),
    "errors": frozenset[str](),
    "folders": frozenset({"errors", "home", "notices", "utf7", "words"}),
    "home": frozenset({"environment", "errors", "notices"}),
    "learnt": frozenset({"errors", "home"}),
    "names": frozenset({"utf7"}),
    "utf7": frozenset[str](),
    "runtime": frozenset({"environment"}),
    "warm": frozenset({"home", "runtime"}),
    "words": frozenset({"utf7"}),
}


def files_of(room: str) -> list[Path]:
    """Return the files of a *room*, which is a module, a package, or not built yet."""
    return [path for path in (PACKAGE / f"{room}.py", *(PACKAGE / room).rglob("*.py")) if path.exists()]


def imports_of(file: Path) -> set[str]:
    """Return what *file* imports, anywhere in it: full names, relative ones resolved."""
    here = (PACKAGE.name, *file.relative_to(PACKAGE).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= _named(node, here)
    return found


def _named(node: ast.ImportFrom, here: tuple[str, ...]) -> set[str]:
    """Return what a ``from`` statement of a module in the package *here* names; of our package, the room."""
    base = here[: len(here) + 1 - node.level] if node.level else ()
    start = ".".join((*base, *filter(None, [node.module])))
    return {f"{start}.{alias.name}" for alias in node.names} if start == PACKAGE.name else {start}


@pytest.mark.parametrize("room", ALONE)
def test_rooms_that_stand_alone(room: str) -> None:
    """A leaf imports the standard library and the rooms named here, nothing else."""
    allowed = {(PACKAGE.name, name) for name in (room, *ALONE[room])}

    imported = {tuple(name.split(".")[:2]) for file in files_of(room) for name in imports_of(file)}

    assert {name for name in imported if name[0] not in sys.stdlib_module_names} <= allowed


@pytest.mark.parametrize("room", FOREIGN)
def test_rooms_for_foreign_interpreters(room: str) -> None:
    """What a foreign interpreter loads can be read by Python 3.9."""
    files = files_of(room)

    trees = [ast.parse(file.read_text("utf-8"), feature_version=(3, 9)) for file in files]

    assert len(trees) == len(files)
