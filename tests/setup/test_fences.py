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
#: Run by OfflineIMAP's own interpreter, loaded there, or read by it as its pythonfile.
FOREIGN_FILES = (
    PACKAGE / "pythonfile.py",
    PACKAGE / "knowledge" / "installation.py",
    PACKAGE / "doctor" / "offlineimaprc" / "run_child.py",
)

FOREIGN = [
    *(
        path
        for folder in FOREIGN_FOLDERS
        for path in sorted((PACKAGE / folder).glob("*.py"))
        if path not in NOT_FOREIGN
    ),
    *FOREIGN_FILES,
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
    tree = ast.parse(file.read_text("utf-8"), feature_version=(3, 9))

    has_annotations = any(isinstance(node, ast.FunctionDef | ast.AnnAssign) for node in ast.walk(tree))
    assert not has_annotations or "from __future__ import annotations" in ast.unparse(tree)


#: Folders whose paths are the store's or lead to it.
STORE_FOLDERS = ("base", "accounts", "stores", "tokens", "plugin", "signin", "cli")


def calls_in(file: Path) -> set[str]:
    """Return what *file* calls: the source text of each function."""
    tree = ast.parse(file.read_text("utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("folder", STORE_FOLDERS)
def test_nobody_asks_whether_a_file_exists_in_a_way_that_hides_a_refusal(folder: str) -> None:
    """Pathlib's (from 3.14 on) and os.path's predicates say no to a path that may not be looked at."""
    names = ("exists", "is_file", "is_dir", "isfile", "isdir")
    listed = {"entry.is_file", "entry.is_dir"}  # what a listing of the directory tells

    calls = {call for file in (PACKAGE / folder).rglob("*.py") for call in calls_in(file)}

    assert {call for call in calls if call.rpartition(".")[2] in names} <= {"safe_file.exists", *listed}


def test_one_module_starts_programs() -> None:
    """Every program is started by base/process, with its limits."""
    files = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py") if "subprocess" in imports_of(file)}

    assert files == {"base/process.py"}
