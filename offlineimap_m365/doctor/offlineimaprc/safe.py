"""
What a folderfilter or nametrans does with folders' names, as far as that can be told without executing the user's file.

Our own functions are called, with what is written out in the line. A lambda is worked through here, node by node, if
it holds nothing but comparisons, a few methods of text and patterns without repetition: none can do harm, or take long.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any

import offlineimap_m365
from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc import evals

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.doctor.offlineimaprc.pythonfile import Names

    Function = Callable[[str], Any]

#: Longer lines are not worked through, nor texts that grow longer than this.
_LONGEST = 2000
_METHODS = frozenset({"startswith", "endswith", "lower", "upper", "casefold", "strip", "lstrip", "rstrip", "get"})
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
#: What lets a pattern take longer than its text is long: repetitions, and references back.
_SLOW = re.compile(r"[*+{?\\]")
#: How many alternatives there may be in several groups, whose number multiplies.
_MOST_ALTERNATIVES = 8
_PATTERNS = frozenset({"search", "match", "fullmatch", "sub"})


class Unsafe(Exception):
    """The line has something in it that is not worked through here."""


def function(text: str, names: Names) -> Function | None:
    """
    Return the function that *text* gives, None where that would mean to execute the user's own.

    Raises Misconfigured for what our own functions refuse.
    """
    tree = evals.parse(text)
    if tree is None or len(text) > _LONGEST:
        return None
    try:
        found = _value(tree, {}, names)
    except Unsafe:
        return None
    except errors.M365Error:
        raise
    except Exception:  # noqa: BLE001 - what is odd in the line is found by those who look at it as Python
        return None
    return _careful(found) if callable(found) else None


def _careful(found: Function) -> Function:
    """Return a function that raises nothing but Unsafe."""

    def call(name: str) -> Any:
        try:
            return found(name)
        except Unsafe:
            raise
        except Exception as error:
            raise Unsafe from error

    return call


def _value(node: ast.expr, scope: dict[str, Any], names: Names) -> Any:  # noqa: C901, PLR0911, PLR0912 - Python has many
    """Return what *node* is worth, with the arguments of lambdas in *scope*; raises Unsafe."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() if node.id in scope:
            return scope[node.id]
        case ast.Name() if node.id in names.ours:
            return getattr(offlineimap_m365, node.id)
        case ast.List() | ast.Tuple() | ast.Set():
            return tuple(_value(item, scope, names) for item in node.elts)
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {_value(key, scope, names): _value(value, scope, names) for key, value in pairs if key is not None}
        case ast.UnaryOp(op=ast.Not()):
            return not _value(node.operand, scope, names)
        case ast.BoolOp():
            return _logic(node, scope, names)
        case ast.IfExp():
            chosen = node.body if _value(node.test, scope, names) else node.orelse
            return _value(chosen, scope, names)
        case ast.Compare():
            return _compare(node, scope, names)
        case ast.BinOp(op=ast.Add()):
            return _short(_value(node.left, scope, names) + _value(node.right, scope, names))
        case ast.Subscript():
            return _value(node.value, scope, names)[_index(node.slice, scope, names)]
        case ast.Lambda():
            return _lambda(node, scope, names)
        case ast.Call():
            return _call(node, scope, names)
    raise Unsafe


def _logic(node: ast.BoolOp, scope: dict[str, Any], names: Names) -> Any:
    found = None
    for value in node.values:
        found = _value(value, scope, names)
        if bool(found) == isinstance(node.op, ast.Or):
            break
    return found


def _compare(node: ast.Compare, scope: dict[str, Any], names: Names) -> bool:
    left = _value(node.left, scope, names)
    for sign, right_node in zip(node.ops, node.comparators, strict=True):
        right = _value(right_node, scope, names)
        if type(sign) not in _COMPARISONS:
            raise Unsafe
        if not _COMPARISONS[type(sign)](left, right):
            return False
        left = right
    return True


def _index(node: ast.expr, scope: dict[str, Any], names: Names) -> Any:
    if not isinstance(node, ast.Slice):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return -int(str(node.operand.value))
        return _value(node, scope, names)
    return slice(
        *(None if part is None else _index(part, scope, names) for part in (node.lower, node.upper, node.step))
    )


def _lambda(node: ast.Lambda, scope: dict[str, Any], names: Names) -> Function:
    arguments = node.args.posonlyargs + node.args.args
    if len(arguments) != 1 or node.args.kwonlyargs or node.args.vararg or node.args.kwarg:
        raise Unsafe
    return lambda name: _value(node.body, {**scope, arguments[0].arg: name}, names)


def _call(node: ast.Call, scope: dict[str, Any], names: Names) -> Any:
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        raise Unsafe
    given = [_value(argument, scope, names) for argument in node.args]
    if isinstance(node.func, ast.Name) and node.func.id in names.ours:
        return _ours(node, given, scope, names)
    if not isinstance(node.func, ast.Attribute) or node.keywords:
        raise Unsafe
    if isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and "re" not in scope:
        return _pattern(node.func.attr, given)
    target = _value(node.func.value, scope, names)
    if node.func.attr not in _METHODS or not isinstance(target, str | dict):
        raise Unsafe
    return getattr(target, node.func.attr)(*given)


def _ours(node: ast.Call, given: list[Any], scope: dict[str, Any], names: Names) -> Any:
    """Call one of our functions that say something about folders: no other, since those would ask for a token."""
    assert isinstance(node.func, ast.Name)  # noqa: S101 - the caller saw to that
    if not node.func.id.startswith(("make_", "folderfilter", "nametrans")):
        raise Unsafe
    words = {str(word.arg): _value(word.value, scope, names) for word in node.keywords if word.arg is not None}
    return getattr(offlineimap_m365, node.func.id)(*given, **words)


def _pattern(name: str, given: list[Any]) -> Any:
    """Match a pattern in which nothing repeats, and few alternatives follow each other: it takes no time."""
    if name not in _PATTERNS or not all(isinstance(text, str) for text in given) or not given or _is_slow(given[0]):
        raise Unsafe
    if name == "sub" and "\\" in given[1]:
        raise Unsafe
    return _short(getattr(re, name)(*given))


def _is_slow(pattern: str) -> bool:
    """Could the *pattern* be tried in more ways than can be waited for?"""
    many = pattern.count("(") > 1 and pattern.count("|") > _MOST_ALTERNATIVES
    return many or _SLOW.search(pattern) is not None


def _short(found: Any) -> Any:
    if not isinstance(found, str | re.Match | None) or (isinstance(found, str) and len(found) > _LONGEST):
        raise Unsafe
    return found
