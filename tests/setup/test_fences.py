"""Import fences that import-linter cannot express: what a foreign interpreter loads, and what needs no library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "offlineimap_m365"
#: Loaded by OfflineIMAP under whatever Python runs it; but ``stub`` writes files at login.
FOREIGN_FOLDERS = ("base", "folders", "plugin")
NOT_FOREIGN = frozenset({PACKAGE / "plugin" / "stub.py"})
#: Run by OfflineIMAP's own interpreter, loaded there, or read by it as its pythonfile.
FOREIGN_FILES = ("pythonfile.py", "knowledge/installation.py", "doctor/offlineimaprc/run_child.py")
FOREIGN = [
    *sorted({path for folder in FOREIGN_FOLDERS for path in (PACKAGE / folder).glob("*.py")} - NOT_FOREIGN),
    *(PACKAGE / name for name in FOREIGN_FILES),
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


def test_a_folder_that_needs_no_library() -> None:
    """These folders import the standard library and this package, nothing else."""
    known = {PACKAGE.name, *sys.stdlib_module_names}
    files = [file for folder in STANDARD_LIBRARY_ONLY for file in (PACKAGE / folder).rglob("*.py")]

    foreign = {(str(file), name) for file in files for name in imports_of(file) if name.partition(".")[0] not in known}

    assert len(files) > 20
    assert foreign == set()


def test_a_foreign_interpreter_can_read_it() -> None:
    """What a foreign interpreter loads is Python 3.9, in which annotations are not evaluated."""
    trees = {file: ast.parse(file.read_text("utf-8"), str(file), feature_version=(3, 9)) for file in FOREIGN}

    annotated = [
        file
        for file, tree in trees.items()
        if any(isinstance(node, ast.FunctionDef | ast.AnnAssign) for node in ast.walk(tree))
    ]
    assert len(annotated) > 10
    assert [file for file in annotated if "from __future__ import annotations" not in file.read_text("utf-8")] == []


#: Folders whose paths are the store's or lead to it.
STORE_FOLDERS = ("base", "accounts", "stores", "tokens", "plugin", "signin", "cli")


def calls_in(file: Path) -> set[str]:
    """Return what *file* calls: the source text of each function."""
    tree = ast.parse(file.read_text("utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_nobody_asks_whether_a_file_exists_in_a_way_that_hides_a_refusal() -> None:
    """Pathlib's (from 3.14 on) and os.path's predicates say no to a path that may not be looked at."""
    names = ("exists", "is_file", "is_dir", "isfile", "isdir")
    listed = {"entry.is_file", "entry.is_dir"}  # what a listing of the directory tells

    calls = {call for folder in STORE_FOLDERS for file in (PACKAGE / folder).rglob("*.py") for call in calls_in(file)}

    assert {call for call in calls if call.rpartition(".")[2] in names} <= {"safe_file.exists", *listed}


def test_one_module_starts_programs() -> None:
    """Every program is started by base/process, with its limits."""
    files = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py") if "subprocess" in imports_of(file)}

    assert files == {"base/process.py"}
