"""Import fences that import-linter cannot express."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "offlineimap_m365"
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


#: Folders whose paths are the store's or lead to it.
STORE_FOLDERS = ("base", "accounts", "stores", "tokens", "plugin", "signin", "cli")


def test_nobody_asks_whether_a_file_exists_in_a_way_that_hides_a_refusal() -> None:
    """Pathlib's (from 3.14 on) and os.path's predicates say no to a path that may not be looked at."""
    names = ("exists", "is_file", "is_dir", "isfile", "isdir")
    listed = {"entry.is_file", "entry.is_dir"}  # what a listing of the directory tells

    files = [file for folder in STORE_FOLDERS for file in (PACKAGE / folder).rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8")))]

    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}

    assert {call for call in calls if call.rpartition(".")[2] in names} <= {"safe_file.exists", *listed}


def test_one_module_starts_programs() -> None:
    """Every program is started by base/process, with its limits."""
    files = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py") if "subprocess" in imports_of(file)}

    assert files == {"base/process.py"}
