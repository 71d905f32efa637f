"""
The file that ``pythonfile`` names: which names it gives to the lines of an offlineimaprc, and who can load it.

Ours is loaded by the interpreter that runs OfflineIMAP; a user's own is read, and only ``--run-config`` executes it.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import offlineimap_m365
from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc import interpreter, ours, writing
from offlineimap_m365.plugin import stub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

OURS = frozenset(offlineimap_m365.__all__)
#: What the evaluated lines can use anyway; folders' lines have ``re`` as well (OfflineIMAP's repository/Base.py).
BUILT_IN = frozenset(dir(builtins))
_LARGEST = 1 << 20


@dataclasses.dataclass(frozen=True)
class Names:
    """
    What a pythonfile defines.

    *defined* are its names; *is_open*: there may be more that cannot be told. *functions* are those that it makes
    itself, *others* come from elsewhere, so that neither is ours whatever it is called. *path* is the file, None where
    there is none that could be used.
    """

    defined: frozenset[str] = OURS
    is_open: bool = False
    functions: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    path: Path | None = None

    @property
    def ours(self) -> frozenset[str]:
        """Our functions that mean what they are called."""
        return (self.defined & OURS) - self.functions - self.others


def examine(rc: Rc, python: list[str] | None, account: str) -> tuple[list[Check], Names]:
    """
    Return what is wrong with the pythonfile, and its names; ours where that is what the advice leads to.

    *account* is one whose sign-in would write the stub anew.
    """
    if not rc.has("general", "pythonfile"):
        missing = "No pythonfile is named, so that OfflineIMAP does not know our functions"
        return [writing.added(rc, "config-pythonfile", "general", "pythonfile", ours.pythonfile(), missing)], Names()
    path = expanded(rc.get("general", "pythonfile") or "")
    if not path.is_file():
        gone = f"There is no file {writing.show(str(path))}, which pythonfile names"
        return [_use_ours(rc, "config-pythonfile", gone)], Names()
    if _is_ours(path):
        return list(_examine_ours(rc, path, python, account)), Names(path=path)
    return _examine_own(rc, path, python)


def expanded(value: str) -> Path:
    """Return a path as OfflineIMAP expands it: first ``~``, then variables."""
    return Path(os.path.abspath(os.path.expandvars(os.path.expanduser(value))))  # noqa: PTH100, PTH111


def _is_ours(path: Path) -> bool:
    """Is it the stub that ``login`` writes, or the file in this very package? (By its path: anybody can copy text.)."""
    package = Path(offlineimap_m365.__file__).parent
    return any(_same(path, known) for known in (stub.stub_path(), package / "pythonfile.py"))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _examine_ours(rc: Rc, path: Path, python: list[str] | None, account: str) -> Iterator[Check]:
    if python is None:
        yield writing.untold(
            rc, "config-interpreter", "There is no offlineimap on PATH, so that nobody can say which Python loads it"
        )
        return
    try:
        answer = interpreter.ask(python, {"pythonfile": str(path)}, isolated=True)
    except interpreter.Failed as error:
        why = error.why
    else:
        lacking = sorted({"get_access_token", "folderfilter"} - set(answer["names"]))
        load = answer["load"]
        why = f"it raises {load['type']}" if load else f"it does not define {lacking[0]}" if lacking else ""
    if why:
        yield writing.commanded(
            rc.path,
            "config-interpreter",
            f"The pythonfile cannot be loaded by {python[0]}, which runs OfflineIMAP: {why}",
            f"A sign-in writes it anew. Run: {errors.login_command(account)}",
            rc.place("general", "pythonfile").line,
        )


def _examine_own(rc: Rc, path: Path, python: list[str] | None) -> tuple[list[Check], Names]:
    try:
        with path.open("rb") as file:
            source = file.read(_LARGEST)
        tree = _parsed(source)
    except OSError as error:
        return [_use_ours(rc, "config-pythonfile", f"The pythonfile {path} cannot be read ({error.strerror})")], Names()
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" (its line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        said = f"The pythonfile {writing.show(str(path))} is not Python{where}"
        return [_use_ours(rc, "config-pythonfile", said)], Names()
    names = _names(tree, source, path)
    if _is_trap(path):
        said = f"{path.name} is a part of this program that OfflineIMAP cannot use by its path"
        return [_use_ours(rc, "config-pythonfile", said)], Names()
    lacking = _lacks_ours(rc, path, names, tree, source)
    if lacking:
        return [lacking], dataclasses.replace(names, defined=names.defined | OURS)
    star = _line_of_our_import(tree)
    if star is None or python is None:
        return [], names
    return list(_examine_import(rc, path, python, star, source)), names


def _examine_import(rc: Rc, path: Path, python: list[str], line: int, source: bytes) -> Iterator[Check]:
    """A user's own pythonfile imports this package: can the interpreter that runs OfflineIMAP find it?"""
    try:
        found = interpreter.ask(python, {"pythonfile": None, "find": ["offlineimap_m365"]}, isolated=False)
        is_there = bool(found["found"]["offlineimap_m365"])
    except interpreter.Failed as error:
        yield writing.untold(
            rc, "config-interpreter", f"{python[0]}, which runs OfflineIMAP, gave no answer: {error.why}"
        )
        return
    if is_there:
        return
    text = source.decode("utf-8", "replace").splitlines()[line - 1]
    indent = text[: len(text) - len(text.lstrip())]
    own = dataclasses.replace(rc, path=path)
    yield writing.instead(
        own,
        "config-interpreter",
        (line, line),
        [indent + _load_ours()],
        f"{python[0]}, which runs OfflineIMAP, has no offlineimap_m365 that could be imported",
        "What login wrote finds it from there",
    )


def _is_trap(path: Path) -> bool:
    """Is it another file of some copy of this package?"""
    return path.name != "pythonfile.py" and any(
        above.name == "offlineimap_m365" and (above / "pythonfile.py").exists() for above in path.parents
    )


def _use_ours(rc: Rc, name: str, meaning: str) -> Check:
    return writing.replaced(rc, name, "general", "pythonfile", ours.pythonfile(), meaning, "Here is the one of login")


def _parsed(source: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a user writes is not ours to warn of
        return ast.parse(source)


def _line_of_our_import(tree: ast.Module) -> int | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_from_us(node):
            return node.lineno
    return None


def _names(tree: ast.Module, source: bytes, path: Path) -> Names:
    """Return what the module *tree* binds anywhere: too many rather than too few."""
    defined: set[str] = set()
    functions: set[str] = set()
    others: set[str] = set()
    is_open = False
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            functions.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            others.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found, more = _imported(node)
            (defined if _is_from_us(node) else others).update(found)
            is_open |= more
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"exec", "globals"}:
            defined |= OURS if b"pythonfile.py" in source else frozenset()
            is_open = True
    everything = frozenset(defined | functions | others)
    return Names(everything, is_open, frozenset(functions), frozenset(others), path)


def _is_from_us(node: ast.Import | ast.ImportFrom) -> bool:
    module = node.module if isinstance(node, ast.ImportFrom) and not node.level else None
    return (module or "").split(".")[0] == "offlineimap_m365"


def _imported(node: ast.Import | ast.ImportFrom) -> tuple[set[str], bool]:
    names = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if "*" not in names:
        return names, False
    return (set(OURS), False) if _is_from_us(node) else (set(), True)


def _lacks_ours(rc: Rc, path: Path, names: Names, tree: ast.Module, source: bytes) -> Check | None:
    """Do the file's lines use our functions, and the user's own pythonfile does not know them?"""
    text = " ".join(rc.raw_or_nothing(section, option) for section in rc.sections() for option in _EVALUATED)
    if names.is_open or names.defined & OURS or not OURS & set(re.findall(r"\w+", text)):
        return None
    future = [node.lineno for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    line = max(future, default=1)
    there = (source.decode("utf-8", "replace").splitlines() or [""])[line - 1]
    lines = [there, _load_ours()] if future else [_load_ours(), there]
    said = f"The pythonfile {writing.show(str(path))} does not know our functions, which lines of the file use"
    own = dataclasses.replace(rc, path=path)
    return writing.instead(own, "config-pythonfile", (line, line), lines, said, "What login wrote has them")


def _load_ours() -> str:
    return f'exec(open({str(stub.stub_path())!r}, encoding="utf-8").read())'


#: The options in which OfflineIMAP evaluates Python that may be ours.
_EVALUATED = ("oauth2_access_token_eval", "oauth2_refresh_token_eval", "folderfilter", "nametrans")
