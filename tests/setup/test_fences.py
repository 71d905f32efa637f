"""Import fences that import-linter cannot express: what a foreign interpreter loads, and what needs no library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "offlineimap_m365"
#: Loaded by OfflineIMAP under whatever Python runs it; but ``stub`` writes files at login.
FOREIGN_FOLDERS = ("base", "folders", "plugin")
NOT_FOREIGN = frozenset({PACKAGE / "plugin" / "stub.py"})
#: Run by OfflineIMAP's own interpreter, or read by it as its pythonfile.
FOREIGN_FILES = (PACKAGE / "pythonfile.py", PACKAGE / "doctor" / "offlineimaprc" / "child.py")

FOREIGN = [
    *(
        path
        for folder in FOREIGN_FOLDERS
        for path in sorted((PACKAGE / folder).glob("*.py"))
        if path not in NOT_FOREIGN
    ),
    *(path for path in FOREIGN_FILES if path.exists()),
]
#: Folders that live off the standard library alone.
STANDARD_LIBRARY_ONLY = ("base", "folders", "knowledge")


def imports_of(file: Path) -> set[str]:
    """Return the modules that *file* imports, anywhere in it; every import of ours is absolute."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} has a relative import"
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("folder", STANDARD_LIBRARY_ONLY)
def test_a_folder_that_needs_no_library(folder: str) -> None:
    """These folders import the standard library and this package, nothing else."""
    files = sorted((PACKAGE / folder).rglob("*.py"))

    tops = {name.partition(".")[0] for file in files for name in imports_of(file)}

    assert files
    assert tops <= {PACKAGE.name, *sys.stdlib_module_names}


@pytest.mark.parametrize("file", FOREIGN, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_foreign_interpreter_can_read_it(file: Path) -> None:
    """What a foreign interpreter loads is Python 3.9."""
    assert ast.parse(file.read_text("utf-8"), feature_version=(3, 9))
