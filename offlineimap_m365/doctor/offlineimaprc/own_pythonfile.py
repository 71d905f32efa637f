"""
The file that ``pythonfile`` names: whether it defines our functions where the lines of an offlineimaprc use them.

It is read and not executed.
"""

from __future__ import annotations

import ast
import dataclasses
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import offlineimap_m365
from offlineimap_m365.base import errors, process, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.local import interpreters
from offlineimap_m365.doctor.offlineimaprc import eval_lines
from offlineimap_m365.doctor.offlineimaprc.document import spaces
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, show
from offlineimap_m365.doctor.offlineimaprc.option_rules import expanded
from offlineimap_m365.plugin import stub

if TYPE_CHECKING:
    from offlineimap_m365.doctor.offlineimaprc.findings import Review

#: The options in which OfflineIMAP evaluates Python that may be ours.
_LINES = ("oauth2_access_token_eval", "oauth2_refresh_token_eval", "folderfilter", "nametrans")
_WRITTEN_BY_US = "Written by offlineimap-m365"


@dataclasses.dataclass(frozen=True)
class Names:
    """
    What the pythonfile at *path* defines: *own* are the user's names, *functions* those of them that are functions.

    *ours* are our functions that it imports; *is_open*: it may define more. *fault*: why it cannot be used.
    """

    path: Path | None = None
    text: str = ""
    own: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    ours: frozenset[str] = eval_lines.OURS
    is_open: bool = False
    fault: str = ""
    import_line: int = 0


def read(review: Review) -> Names:
    """Return the names of the pythonfile; ours where that is what it becomes."""
    general = review.document.section("general")
    value = review.document.get(general, "pythonfile") if general else None
    if not value:
        return Names(fault="is missing")
    path = expanded(value)
    if _is_ours(path):
        return Names(path)
    try:
        text = review.other_files[path][1] if path in review.other_files else safe_file.read(str(path)).decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (OSError, errors.M365Error, UnicodeDecodeError):
        return Names(path, fault=f"{show(str(path))} cannot be read")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        return Names(path, fault=f"{show(str(path))} is not Python{where}")
    if _WRITTEN_BY_US in text or path.is_relative_to(Path(offlineimap_m365.__file__).parent):
        return Names(path, fault=f"{show(str(path))} belongs to another home or installation")
    return _names(path, text, tree)


def _is_ours(path: Path) -> bool:
    """Is it the stub of this home or the file of this package?"""
    return path in {stub.stub_path(), Path(offlineimap_m365.__file__).with_name("pythonfile.py")}


def _names(path: Path, text: str, tree: ast.Module) -> Names:
    own: set[str] = set()
    functions: set[str] = set()
    ours: set[str] = set(eval_lines.OURS) if "pythonfile.py" in text else set()
    is_open, import_line = False, 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            functions.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "offlineimap_m365":
                import_line = node.lineno
                ours |= eval_lines.OURS if "*" in names else names
            else:
                is_open |= "*" in names
                own |= names - {"*"}
    is_open |= "exec(" in text or "globals(" in text
    return Names(
        path, text, frozenset(own | functions), frozenset(functions), frozenset(ours), is_open, "", import_line
    )


def mend(review: Review, names: Names) -> None:
    """Let the lines that use our functions have them."""
    lines = [part.raw for section in review.document.sections for part in section.options if part.name in _LINES]
    used = set().union(*map(eval_lines.used, lines)) - names.own
    general = review.document.section("general")
    part = review.document.find(general, "pythonfile") if general else None
    if general and names.fault and used:
        reason = f"{min(used)} is defined in the file that login writes"
        review.set(general, "pythonfile", as_value(str(stub.stub_path())), reason, names.fault)
    elif names.fault and part is not None:
        review.report(part.line, "pythonfile", f"{names.fault}; OfflineIMAP does not start", Remedy("Correct the path"))
    elif names.text and used - names.ours:
        fact = "is used in the offlineimaprc and not defined here"
        _load_ours(review, names, _after_head(names.text), min(used - names.ours), fact)
    elif names.text and names.import_line and not _can_import():
        fact = "OfflineIMAP's Python has no package offlineimap_m365"
        _load_ours(review, names, names.import_line - 1, "import", fact, replaced=1)


def _load_ours(review: Review, names: Names, at: int, name: str, fact: str, replaced: int = 0) -> None:  # noqa: PLR0913, PLR0917 - an edit and its finding
    """Let the user's own pythonfile load ours behind *at* lines, in the place of *replaced* ones."""
    lines = names.text.split("\n")
    indent = spaces(lines[at]) if replaced else ""
    lines[at : at + replaced] = [f'{indent}exec(open({str(stub.stub_path())!r}, encoding="utf-8").read())']
    path = names.path or Path()
    review.other_files[path] = (review.other_files.get(path, (names.text, ""))[0], "\n".join(lines))
    review.edited(at + 1, name, fact, "the file that login writes has our functions", path)


def _after_head(text: str) -> int:
    """Return behind how many lines code may begin: after ``#!``, comments, the docstring and ``__future__``."""
    comments = 0
    for line in text.split("\n"):
        if not line.startswith("#"):
            break
        comments += 1
    body = ast.parse(text).body
    head = [node for index, node in enumerate(body) if _is_head(node, index)]
    return max([comments, *(node.end_lineno or 0 for node in head)])


def _is_head(node: ast.stmt, index: int) -> bool:
    is_docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _can_import() -> bool:
    """Can the Python that runs OfflineIMAP import this package? True where that cannot be told."""
    python = interpreter()
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('offlineimap_m365') is None)"
    return python is None or process.run([python, "-c", code], seconds=5, cwd="/").code != 1


def interpreter() -> str | None:
    """Return the Python that runs ``offlineimap``, None if that cannot be told."""
    script = interpreters.which("offlineimap")
    try:
        return str(interpreters.find_interpreter(script)) if script else None
    except (interpreters.LostError, interpreters.UnknownError):
        return None
