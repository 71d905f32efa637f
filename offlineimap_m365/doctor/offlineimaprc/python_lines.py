"""
The Python of an offlineimaprc, looked at and never executed: its lines, and the file that ``pythonfile`` names.

Do the lines call our functions as they must be, and does the file define them? What is not one of our functions is the
user's own, which only ``--run-config`` judges.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import os
import re
import symtable
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import offlineimap_m365
from offlineimap_m365.base import errors, process, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.local import versions
from offlineimap_m365.doctor.offlineimaprc.document import spaces
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, show
from offlineimap_m365.doctor.offlineimaprc.reader import similar
from offlineimap_m365.plugin import stub

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from offlineimap_m365.doctor.offlineimaprc.findings import Review

OURS = frozenset(offlineimap_m365.__all__)
#: What the lines can use besides the pythonfile's names; ``re`` in those for folders (OfflineIMAP's Base.py).
_BUILT_IN = frozenset(dir(builtins)) | {"re"}
#: Which of our functions gives what is wanted, in which form.
_FORMS: dict[str, set[tuple[str, type[ast.expr]]]] = {
    "token": {("get_access_token", ast.Call)},
    "filter": {("folderfilter", ast.Name), ("make_folderfilter", ast.Call)},
    "nametrans": {("nametrans_remote", ast.Name), ("nametrans_local", ast.Name), ("make_nametrans", ast.Subscript)},
}
#: The options in which OfflineIMAP evaluates Python that may be ours.
_OPTIONS = ("oauth2_access_token_eval", "oauth2_refresh_token_eval", "folderfilter", "nametrans")
_WRITTEN_BY_US = "Written by offlineimap-m365"
_IMPORT = re.compile(r"^[ \t]*from offlineimap_m365[\w.]* import (.+)", re.MULTILINE)
#: What may define any name.
_OPEN = re.compile(r"^[ \t]*from (?!offlineimap_m365)\S+ import \*|\b(exec|globals)\(", re.MULTILINE)
_NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclasses.dataclass(frozen=True)
class Line:
    """
    What a line of Python is: *fault* says what is wrong with it; *is_ours*: it is a correct call of our function.

    Neither: the user's own Python. *account* is whom our function asks for, None for the only account.
    """

    fault: str = ""
    is_ours: bool = False
    account: str | None = None


@dataclasses.dataclass(frozen=True)
class Names:
    """
    What the pythonfile at *path* defines: *own* are the user's names, *ours* our functions that it loads.

    *is_open*: it may define more. *fault*: why it cannot be used. *import_line* is where it imports this package.
    """

    path: Path | None = None
    text: str = ""
    own: AbstractSet[str] = frozenset()
    ours: AbstractSet[str] = OURS
    is_open: bool = False
    fault: str = ""
    import_line: int = 0


def examine(text: str | None, wanted: str, names: Names) -> Line:  # noqa: PLR0911 - a line per fault
    """Look at a line that must give what is *wanted*: a ``token``, a ``filter`` or a ``nametrans``."""
    if text is None:
        return Line()
    tree = parse(text)
    if tree is None or isinstance(tree, ast.Constant):
        return Line("is not Python that gives a current value, which OfflineIMAP needs here")
    undefined = _undefined(tree, names)
    if undefined:
        return Line(f"uses {show(undefined)}, which is not defined")
    if wanted == "token" and isinstance(tree, ast.Lambda):
        return Line("gives a function instead of a token")
    call = tree.value if isinstance(tree, ast.Subscript) else tree
    function = call.func if isinstance(call, ast.Call) else call
    name = function.id if isinstance(function, ast.Name) else ""
    if name not in OURS or name in names.own:
        return Line()
    if (name, type(tree)) not in _FORMS[wanted]:
        return Line(f"{name} gives no {wanted} when it is used like this")
    account = None
    if isinstance(call, ast.Call):
        values = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "account")]
        account = next((str(value.value) for value in values if isinstance(value, ast.Constant)), None)
    return Line(is_ours=True, account=account)


def parse(text: str) -> ast.expr | None:
    """Return *text* as Python's parser reads an expression, None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except _NOT_PYTHON:
        return None


def is_like_ours(text: str) -> bool:
    """Does *text* mention one of our functions, perhaps misspelt?"""
    return any(similar(word, OURS, 0.85) for word in re.findall(r"\w+", text))


def used(text: str) -> set[str]:
    """Return which of our functions *text* names."""
    tree = parse(text)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & OURS if tree else set()


def _undefined(tree: ast.expr, names: Names) -> str | None:
    """Return a name that nobody defines; where anything may be defined, only one that is like one of ours."""
    nodes = list(ast.walk(tree))
    known = _BUILT_IN | OURS | names.own | {node.arg for node in nodes if isinstance(node, ast.arg)}
    known |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    unknown = [node.id for node in nodes if isinstance(node, ast.Name) and node.id not in known]
    return next((name for name in unknown if not names.is_open or is_like_ours(name)), None)


def expanded(value: str) -> Path:
    """Return a path as OfflineIMAP expands it: first ``~``, then variables."""
    return Path(os.path.expandvars(os.path.expanduser(value)))  # noqa: PTH111


def read_pythonfile(review: Review) -> Names:
    """Return the names of the pythonfile; ours where that is what it becomes."""
    value = review.document.get(review.general, "pythonfile")
    path, package = expanded(value or ""), Path(offlineimap_m365.__file__).parent
    if not value:
        return Names(fault="is missing")
    if path in {stub.stub_path(), package / "pythonfile.py"}:
        return Names(path)
    try:
        text = review.other_files[path][1] if path in review.other_files else safe_file.read(str(path)).decode("utf-8")
        table = symtable.symtable(text, str(path), "exec")
    except (OSError, errors.M365Error, *_NOT_PYTHON) as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        return Names(path, fault=f"{show(str(path))} cannot be read as Python{where}")
    if _WRITTEN_BY_US in text or path.is_relative_to(package):
        return Names(path, fault=f"{show(str(path))} belongs to another home or installation")
    loaded = _IMPORT.search(text)
    words = set(re.findall(r"\w+|\*", loaded[1])) if loaded else set()
    ours = OURS if "*" in words or "pythonfile.py" in text else OURS & words
    symbols = [symbol for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()]
    own = {symbol.get_name() for symbol in symbols} - words
    import_line = text.count("\n", 0, loaded.start(1)) + 1 if loaded else 0
    return Names(path, text, own, ours, is_open=bool(_OPEN.search(text)), import_line=import_line)


def mend_pythonfile(review: Review, names: Names) -> None:
    """Let the lines that use our functions have them."""
    lines = [part.raw for section in review.document.sections for part in section.options if part.name in _OPTIONS]
    needed = set().union(*map(used, lines)) - names.own
    is_broken_import = names.import_line > 0 and not _can_import()
    if names.fault and needed:
        reason = f"{min(needed)} is defined in the file that login writes"
        review.set(review.general, "pythonfile", as_value(str(stub.stub_path())), reason, names.fault)
    elif names.fault and review.document.find(review.general, "pythonfile"):
        remedy = Remedy("Correct the path")
        review.report(review.general, "pythonfile", f"{names.fault}; OfflineIMAP does not start", remedy)
    elif names.path and (is_broken_import or needed - names.ours):
        lines, path = names.text.split("\n"), names.path
        start = names.import_line - 1 if is_broken_import else _first_statement(names.text)
        indent = spaces(lines[start]) if is_broken_import else ""
        lines[start : start + is_broken_import] = [
            f'{indent}exec(open({str(stub.stub_path())!r}, encoding="utf-8").read())'
        ]
        review.other_files[path] = (review.other_files.get(path, (names.text, ""))[0], "\n".join(lines))
        fact = "cannot be imported by OfflineIMAP's Python" if is_broken_import else "is used and not defined here"
        name = "offlineimap_m365" if is_broken_import else min(needed - names.ours)
        review.edited(start + 1, name, fact, "the file that login writes has our functions", path)


def _first_statement(text: str) -> int:
    """Return the line, from 0, where code may begin: after ``#!``, the docstring and ``__future__``."""
    for node in ast.parse(text).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and getattr(node, "module", "") != "__future__":
            first: int = min(one.lineno for one in [node, *getattr(node, "decorator_list", [])])
            return first - 1
    return len(text.split("\n"))


def _can_import() -> bool:
    """Can the Python that runs OfflineIMAP import this package? True where that cannot be told."""
    python = interpreter()
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('offlineimap_m365') is None)"
    return python is None or process.run([python, "-c", code], seconds=5, cwd="/").code != 1


def interpreter() -> str | None:
    """Return the Python that runs ``offlineimap``, None if that cannot be told."""
    script = versions.which("offlineimap")
    python = versions.find_interpreter(script) if script else None
    return str(python) if python else None
