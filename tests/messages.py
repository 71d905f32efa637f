"""
The wording of every error, read out of the code that raises it: ``python -m tests.messages``.

What stands in braces is filled in when it is raised.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from offlineimap_m365.base import errors

PACKAGE = Path(errors.__file__).parents[1]
#: What an error is made by: the classes that the contract gives an exit code, and what chooses one.
_MAKERS = {"Temporary", "SignInNeeded", "Misconfigured", "WrongUsage", "M365Error", "for_oserror"}


def raised(path: Path) -> list[ast.Call]:
    """Return the calls in a module that make an error with a fact of its own, in order."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    made = [call for call in calls if ast.unparse(call.func).partition("(")[0].rpartition(".")[2] in _MAKERS]
    own = [call for call in made if call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr)]
    return sorted(own, key=lambda call: call.lineno)


def document() -> str:
    """Return the whole list: for each error its class, what happened, what it means and what helps."""
    lines = [
        "# Every message of an error",
        "",
        "Made by `python -m tests.messages`; a test looks whether it is current.",
    ]
    for path in sorted(PACKAGE.rglob("*.py")):
        calls = raised(path)
        lines += ["", f"## {path.relative_to(PACKAGE)}", ""] if calls else []
        for call in calls:
            words = [call.args[0], *(word.value for word in call.keywords if word.arg in {"meaning", "remedy"})]
            maker = ast.unparse(call.func).rpartition(".")[2]
            lines.append("\n  <br>".join([f"- {maker}: {_text(words[0])}", *map(_text, words[1:])]))
    return "\n".join(lines) + "\n"


def _text(node: ast.expr) -> str:
    """Return a text as it is written; a remedy is its advice and its command."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Remedy"):
        return ". Run: ".join(filter(None, map(_text, node.args[:2])))
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    code = ast.unparse(node.value if isinstance(node, ast.FormattedValue) else node)
    return f"{{{code}}}".replace('"', "'")  # Python 3.12 chooses other quotation marks than 3.11


if __name__ == "__main__":
    sys.stdout.write(document())
