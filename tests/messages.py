"""
Every message of an error, read out of the code that raises it.

``python -m tests.messages >tests/results/messages.md`` writes the list; a test looks whether it is current. What
stands in braces is filled in when it is raised.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(errors.__file__).parents[1]
#: What an error is made by: the class that the contract gives an exit code, or what chooses one.
_MAKERS = {
    "Temporary": "75",
    "SignInNeeded": "77",
    "Misconfigured": "78",
    "WrongUsage": "2",
    "M365Error": "70",
    "for_oserror": "75 or 78",
    "_not_it": "77",
}
_HEAD = """# Every message of an error

Made by `python -m tests.messages >tests/results/messages.md` out of the code; a test looks whether it is current. The
number is the exit code, words in braces are filled in. A message is at most six lines: the fact, Microsoft's code with
correlation id and time where there is one, what it means, what helps. [Codes](codes.md) are a list of their own.
"""


#: How a value is made one word of a shell, which says nothing to a reader of the list.
_QUOTED = re.compile(r"^(?:errors|shlex)\.quote[d]?\((.*)\)$")


@dataclasses.dataclass(frozen=True)
class Message:
    """One place that raises: its *module*, the *code* of the exit, and the parts of the message."""

    module: str
    code: str
    fact: str
    meaning: str
    remedy: str

    def lines(self) -> list[str]:
        """Return the message as the list shows it."""
        return [f"- **{self.code}** {self.fact}", *(f"  <br>{part}" for part in (self.meaning, self.remedy) if part)]


def messages() -> list[Message]:
    """Return the messages in the order of modules and lines."""
    return [found for path in sorted(PACKAGE.rglob("*.py")) for found in _of_module(path)]


def document() -> str:
    """Return the whole list."""
    modules: dict[str, list[Message]] = {}
    for message in messages():
        modules.setdefault(message.module, []).append(message)
    parts = [_HEAD]
    for module, found in modules.items():
        parts.append(f"\n## {module}\n\n" + "\n".join(line for message in found for line in message.lines()) + "\n")
    return "".join(parts)


def _of_module(path: Path) -> Iterator[Message]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = str(path.relative_to(PACKAGE).with_suffix(""))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: node.lineno):
        maker = _MAKERS.get(_name(call.func))
        fact = {word.arg: word.value for word in call.keywords}.get("fact")
        if _name(call.func) == "replaced" and fact is not None:
            yield Message(module, "77", _text(fact), "{error.meaning}", "{error.remedy}")
        if maker is None or not call.args or _is_passed_on(call):
            continue
        parts = _shared(tree, _name(call.func)) | {word.arg: _text(word.value) for word in call.keywords}
        yield Message(module, maker, _text(call.args[0]), parts.get("meaning", ""), parts.get("remedy", ""))


def _shared(tree: ast.Module, maker: str) -> dict[str | None, str]:
    """Return the parts that all errors of a *maker* in the same module have, none for a class."""
    made = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == maker)
    calls = (node for function in made for node in ast.walk(function) if isinstance(node, ast.Call))
    return {word.arg: _text(word.value) for call in calls if _name(call.func) in _MAKERS for word in call.keywords}


def _is_passed_on(call: ast.Call) -> bool:
    """Tell whether the fact is another error's, which is listed where that is raised."""
    return isinstance(call.args[0], ast.Name | ast.Attribute)


def _name(func: ast.expr) -> str:
    """Return what is called: the last name of ``errors.Temporary``, the maker in ``errors.for_oserror(error)``."""
    if isinstance(func, ast.Call):
        return _name(func.func)
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def _text(node: ast.expr) -> str:  # noqa: PLR0911 - one for each kind of expression
    """Return a string as it is written, with braces round what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        if isinstance(node.value, ast.Call) and _name(node.value.func) == "login_command":
            return _text(node.value)
        inner = ast.unparse(node.value)
        return errors.COMMAND if inner in {"errors.COMMAND", "COMMAND"} else "{" + _QUOTED.sub(r"\1", inner) + "}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.Call) and _name(node.func) == "Remedy":
        command = _text(node.args[1]) if len(node.args) > 1 else ""
        return ". Run: ".join(part for part in (_text(node.args[0]), command) if part)
    if isinstance(node, ast.Call) and _name(node.func) == "login_command":
        return f"{errors.COMMAND} login {_text(node.args[0])}"
    if isinstance(node, ast.Call) and _name(node.func) == "fill":
        return _text(node.args[0]).replace("{command}", errors.COMMAND)
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)} / {_text(node.orelse)}"
    return "{" + ast.unparse(node) + "}"


if __name__ == "__main__":
    sys.stdout.write(document())
