"""
The lines of Python in an offlineimaprc, looked at and never executed: do they call our functions as they must be?

What is not one of our functions is the user's own, which only ``--run-config`` judges.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import difflib
import inspect
import warnings
from typing import TYPE_CHECKING

import offlineimap_m365
from offlineimap_m365.doctor.offlineimaprc.findings import show

if TYPE_CHECKING:
    from offlineimap_m365.doctor.offlineimaprc.own_pythonfile import Names

OURS = frozenset(offlineimap_m365.__all__)
#: What the lines can use besides the pythonfile's names; ``re`` in those for folders (OfflineIMAP's Base.py).
_BUILT_IN = frozenset(dir(builtins)) | {"re"}
#: Which of our functions gives what is wanted: as they are named, and as they are called.
_NAMED = {"filter": {"folderfilter"}, "nametrans": {"nametrans_remote", "nametrans_local"}, "token": set()}
_CALLED = {"filter": {"make_folderfilter"}, "nametrans": {"make_nametrans"}, "token": {"get_access_token"}}


@dataclasses.dataclass(frozen=True)
class Line:
    """
    What a line of Python is: *fault* says what is wrong with it; *is_ours*: it is a correct call of our function.

    Neither: the user's own Python. *account* is whom our function asks for, None for the only account.
    """

    fault: str = ""
    is_ours: bool = False
    account: str | None = None


def examine(text: str, wanted: str, names: Names) -> Line:
    """Look at a line that must give what is *wanted*: a ``token``, a ``filter`` or a ``nametrans``."""
    tree = parse(text)
    if tree is None:
        return Line("is not Python, and OfflineIMAP evaluates it as Python")
    if isinstance(tree, ast.Constant):
        return Line("is a fixed text or number, and OfflineIMAP needs Python that gives a current value")
    undefined = _undefined(tree, names)
    if undefined:
        return Line(f"uses {show(undefined)}, which is not defined")
    if wanted == "token" and (isinstance(tree, ast.Lambda) or getattr(tree, "id", "") in names.functions):
        return Line("gives a function instead of a token")
    return _of_ours(tree, wanted, names)


def parse(text: str) -> ast.expr | None:
    """Return *text* as Python's parser reads an expression, None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_like_ours(text: str) -> bool:
    """Does *text* mention one of our functions, perhaps misspelt?"""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return any(difflib.get_close_matches(word, OURS, 1, 0.85) for word in words)


def used(text: str) -> set[str]:
    """Return which of our functions *text* names."""
    tree = parse(text)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & OURS if tree else set()


def _undefined(tree: ast.expr, names: Names) -> str | None:
    """Return a name that nobody defines; where anything may be defined, only one that is like one of ours."""
    nodes = list(ast.walk(tree))
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    known = bound | _BUILT_IN | OURS | names.own
    unknown = [node.id for node in nodes if isinstance(node, ast.Name) and node.id not in known]
    return next((name for name in unknown if not names.is_open or is_like_ours(name)), None)


def _of_ours(tree: ast.expr, wanted: str, names: Names) -> Line:
    """Look at a line that may be one of our functions, or a call of it."""
    call = tree.value if isinstance(tree, ast.Subscript) else tree
    function = call.func if isinstance(call, ast.Call) else call
    name = function.id if isinstance(function, ast.Name) else ""
    if name not in OURS or name in names.own:
        return Line()
    if not isinstance(call, ast.Call):
        return Line(is_ours=True) if name in _NAMED[wanted] else Line(f"{name} is no {wanted}")
    if name not in _CALLED[wanted]:
        return Line(f"{name} is no {wanted} when it is called like this")
    if (wanted == "nametrans") is not isinstance(tree, ast.Subscript):
        return Line(f"{name} gives {'a pair' if wanted == 'nametrans' else 'one value'}")
    return _call(call, name)


def _call(call: ast.Call, name: str) -> Line:
    """Look at the arguments of a call."""
    if any(isinstance(arg, ast.Starred) for arg in call.args) or any(word.arg is None for word in call.keywords):
        return Line(is_ours=True)
    try:
        signature = inspect.signature(getattr(offlineimap_m365, name))
        arguments = signature.bind(*call.args, **{str(word.arg): word.value for word in call.keywords}).arguments
    except TypeError as error:
        return Line(f"calls {name} with wrong arguments ({error})")
    account = arguments.get("account")
    value = account.value if isinstance(account, ast.Constant) else None
    if value is not None and not isinstance(value, str):
        return Line(f"calls {name} with an account that is no text")
    return Line(is_ours=True, account=value)
