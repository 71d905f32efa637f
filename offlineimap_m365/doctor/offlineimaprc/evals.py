"""
The lines of Python in an offlineimaprc, looked at and not executed: would OfflineIMAP get what it wants from them?
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import re
import warnings
from typing import TYPE_CHECKING, Any

import offlineimap_m365
from offlineimap_m365.doctor.offlineimaprc import pythonfile, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.doctor.offlineimaprc.pythonfile import Names

#: Commands that other programs are told to run here (their own documentation), where OfflineIMAP wants Python.
_COMMANDS = frozenset(
    {"cat", "echo", "env", "gpg", "gpg2", "oama", "oauth2ms", "pass", "pizauth", "python", "python3", "security", "sh"}
)
#: ``get-refresh-token``, ``offlineimap-m365``, ``mutt_oauth2.py``: what is called like that is a program.
_PROGRAM = re.compile(r"[A-Za-z0-9_]+(-[A-Za-z0-9_]+)+(\.py)?|[A-Za-z0-9_]+\.(py|sh)")
_QUOTES = str.maketrans("\u201c\u201d\u201e\u2018\u2019", '"""\'\'')
#: What our functions are when they are named, and what they give when they are called.
_NAMED = {"folderfilter": "filter", "nametrans_remote": "nametrans", "nametrans_local": "nametrans"}
_CALLED = {
    "get_access_token": "token",
    "get_refresh_token": "refresh token",
    "get_client_id": "client id",
    "get_client_secret": "client secret",
    "folderfilter": "yes or no",
    "nametrans_remote": "name",
    "nametrans_local": "name",
    "make_folderfilter": "filter",
    "make_nametrans": "pair",
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is wrong with a line: the *name* of the finding, in words, and the Python that is right (None: our own)."""

    name: str
    meaning: str
    fixed: str | None = None


def parse(text: str) -> ast.expr | None:
    """Return *text* as Python's own parser reads an expression, None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def asked_account(text: str) -> str | None:
    """Return the account that a line asks a token of, ``""`` for the only one, None if that cannot be told."""
    tree = parse(text)
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or not tree.func.id.startswith("get_"):
        return None
    given = [*tree.args[:1], *(word.value for word in tree.keywords if word.arg in {"account", None})]
    if not given:
        return ""
    first = given[0]
    if isinstance(first, ast.Constant) and (first.value is None or isinstance(first.value, str)):
        return first.value or ""
    return None


def fault(text: str, wanted: str, names: Names, side: int = 0) -> Fault | None:
    """
    Return what is wrong with *text*, which shall give what is *wanted*: a ``token``, a ``filter`` or a ``nametrans``.

    *names* are those of the pythonfile. *side*: 0 in the section of a remote repository, 1 in that of a local one.
    """
    if not text.strip():
        return Fault("empty", "There is nothing behind the equals sign")
    if _is_shell(text):
        return Fault("shell", f"OfflineIMAP evaluates this line as Python, and {_first(text)} is a command of a shell")
    tree = parse(text)
    if tree is None:
        return Fault("syntax", "This line is not Python, which OfflineIMAP evaluates it as", _repaired(text))
    if isinstance(tree, ast.Constant):
        return _constant(tree)
    return (
        _unknown_name(text, tree, wanted, names)
        or _wrong_arguments(tree, names)
        or _wrong_thing(text, tree, wanted, names, side)
    )


def _is_shell(text: str) -> bool:
    word = text.split(maxsplit=1)[0]
    base = word.rpartition("/")[2]
    if text.strip().startswith(("`", "$(", "!", "~/", "./")) or ("/" in word and parse(text) is None):
        return True
    if _PROGRAM.fullmatch(base) and not word.startswith(("'", '"')):
        return True
    return base in _COMMANDS and parse(text) is None


def _first(text: str) -> str:
    return writing.show(text.split(maxsplit=1)[0])


def _repaired(text: str) -> str | None:
    """Return *text* with the one slip mended that people make: a typographic quote, one quote or bracket missing."""
    straight = text.strip().translate(_QUOTES)
    for tried in (
        straight,
        straight + ")",
        straight + '")',
        straight + "')",
        straight.rstrip(")") + ")",
        straight[:-1],
    ):
        tree = parse(tried)
        if isinstance(tree, ast.Call | ast.Lambda | ast.Name) and not _is_shell(tried):
            return tried
    return None


def _constant(tree: ast.Constant) -> Fault:
    if not isinstance(tree.value, str):
        return Fault("constant", "This line gives nothing that OfflineIMAP could use")
    inside = parse(tree.value)
    if isinstance(inside, ast.Call | ast.Lambda | ast.Name):
        said = "The quotes around this line make it a text, so that what stands in them is not evaluated"
        return Fault("quoted", said, tree.value.strip())
    return Fault("quoted", "The quotes make this line a text that never changes, where one that is evaluated is wanted")


def _unknown_name(text: str, tree: ast.expr, wanted: str, names: Names) -> Fault | None:
    known = names.defined | pythonfile.BUILT_IN | (frozenset() if wanted == "token" else {"re"})
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in known | bound:
            close = difflib.get_close_matches(node.id, sorted(names.defined | pythonfile.OURS), 1, 0.7)
            if names.is_open and close[:1] in ([], [node.id]):
                continue
            return _misspelt(text, node.id, close[0] if close else None, names)
    return None


def _misspelt(text: str, found: str, close: str | None, names: Names) -> Fault:
    if close is None or (close not in names.defined and names.path is not None):
        return Fault("name", f"Nobody defines {writing.show(found)}: neither the pythonfile nor OfflineIMAP")
    fixed = re.sub(rf"\b{re.escape(found)}\b", close, text)
    if found == "offlineimap_m365":
        fixed = text.replace("offlineimap_m365.", "")
    return Fault("name", f"Nobody defines {writing.show(found)}; {close} is what it looks like", fixed)


def _wrong_arguments(tree: ast.expr, names: Names) -> Fault | None:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in names.ours:
            continue
        why = _misfit(getattr(offlineimap_m365, node.func.id), node)
        if why and node.func.id in _NAMED and not node.args:
            return Fault("called", f"{node.func.id} is given to OfflineIMAP, which calls it itself", node.func.id)
        if why:
            return Fault("arguments", f"{node.func.id} cannot be called like that: {why}")
    return None


def _misfit(function: Callable[..., Any], call: ast.Call) -> str | None:
    """Return why the arguments of *call* do not fit, None if they do or if that cannot be told."""
    if any(isinstance(a, ast.Starred) for a in call.args) or any(word.arg is None for word in call.keywords):
        return None
    try:
        bound = inspect.signature(function).bind(*call.args, **{str(word.arg): word.value for word in call.keywords})
    except TypeError as error:
        return str(error)
    for name, kinds, what in (
        ("account", (str, type(None)), "text"),
        ("min_validity", (int, float, type(None)), "seconds"),
    ):
        given = bound.arguments.get(name)
        if isinstance(given, ast.Constant) and not isinstance(given.value, kinds):
            return f"{name} is no {what}"
    return None


def _wrong_thing(text: str, tree: ast.expr, wanted: str, names: Names, side: int) -> Fault | None:
    """Does the line as a whole give what is wanted, as far as our own functions and lambdas tell?"""
    if isinstance(tree, ast.Lambda):
        return _wrong_lambda(tree, wanted)
    if isinstance(tree, ast.Name) and wanted == "token":
        return _uncalled(tree.id, names)
    gives = _gives(tree, names)
    if gives is None or gives == wanted:
        return None
    if gives == "pair" and wanted == "nametrans":
        said = "make_nametrans gives a pair: [0] is for the remote repository, [1] for the local one"
        return Fault("pair", said, f"{text.strip()}[{side}]")
    what = {"token": "an access token", "filter": "a folderfilter", "nametrans": "a nametrans"}[wanted]
    return Fault("function", f"This gives a {gives}, where {what} is wanted")


def _wrong_lambda(tree: ast.Lambda, wanted: str) -> Fault | None:
    if wanted == "token":
        return Fault("function", "This line gives a function, where a token is wanted")
    wanted_arguments = tree.args.posonlyargs + tree.args.args
    required = len(wanted_arguments) - len(tree.args.defaults)
    if (required > 1 or not wanted_arguments) and not tree.args.vararg:
        return Fault("arguments", "OfflineIMAP calls this function with one argument, the folder's name")
    return None


def _uncalled(name: str, names: Names) -> Fault | None:
    if name not in names.ours | names.functions:
        return None
    if name == "get_access_token" or name in names.functions:
        fixed = None if name in names.ours else f"{name}()"
        return Fault("uncalled", f"Without brackets {name} is not called, so that there is no token", fixed)
    return Fault("function", f"{name} gives no token")


def _gives(tree: ast.expr, names: Names) -> str | None:
    """Return what our functions give in *tree*; None where others have their hands in it."""
    if isinstance(tree, ast.Subscript) and _gives(tree.value, names) == "pair":
        return "nametrans"
    if isinstance(tree, ast.Name) and tree.id in names.ours:
        return _NAMED.get(tree.id, "function that OfflineIMAP does not call")
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in names.ours:
        return _CALLED.get(tree.func.id)
    return None


def are_alike(one: str, other: str) -> bool:
    """Do two addresses differ by a slip of the pen only? (``rob`` and ``bob`` are two people.)."""
    parts = zip(one.lower().rpartition("@")[::2], other.lower().rpartition("@")[::2], strict=True)
    ratios = [difflib.SequenceMatcher(None, mine, theirs).ratio() for mine, theirs in parts]
    return max(ratios) == 1.0 and min(ratios) > 0.75  # noqa: PLR2004 - two letters that changed places
