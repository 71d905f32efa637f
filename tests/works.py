"""
What works, row by row, with the tests that show it, out of ``works.json``.

``python -m tests.works >tests/results/works.md`` writes the table, ``python -m tests.works codes
>tests/results/codes.md`` the one of Microsoft's codes; a test looks whether both are current.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

from offlineimap_m365.knowledge.tables import EXIT_CODES, load

HERE = Path(__file__).parent
_HEAD = """# What works, and which test shows it

Made by `python -m tests.works >tests/results/works.md` out of `tests/works.json`; a test looks whether it is current.

**Nothing in this table was ever tried against Microsoft's own servers.** All tests run against a look-alike of Entra
and a Dovecot that speaks as Exchange does, made from Microsoft's documentation and from public reports. A row without a
test is not shown to work.
"""
_CODES = """# Microsoft's codes

Made by `python -m tests.works codes >tests/results/codes.md` out of the table of codes; a test looks whether it is
current. *Seen*: on an error page that never comes back, in the address to which the browser is redirected, in an answer
to a device code, at the token endpoint; in brackets, what that rests on. None was provoked at Microsoft's own servers.

| code | explanation | class | exit | seen | source |
|---|---|---|---|---|---|
"""


def rows() -> dict[str, list[tuple[str, list[str]]]]:
    """Return per section what works, and the tests that show it: ``unit/test_x.py::test_y`` or a whole file."""
    found: dict[str, list[tuple[str, list[str]]]] = json.loads((HERE / "works.json").read_text(encoding="utf-8"))
    return found


def exists(test: str) -> bool:
    """Tell whether there is such a file with such a function."""
    path, _, name = test.partition("::")
    if not (HERE / path).is_file():
        return False
    tree = ast.parse((HERE / path).read_text(encoding="utf-8"))
    return not name or name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def document() -> str:
    """Return the table of what works."""
    parts = [_HEAD]
    for section, found in rows().items():
        parts.append(f"\n## {section}\n\n| what | shown by |\n|---|---|\n")
        parts += [
            f"| {what} | {'<br>'.join(f'`{test}`' for test in tests) or '**no test**'} |\n" for what, tests in found
        ]
    return "".join(parts)


def codes() -> str:
    """Return the table of codes."""
    table = load("aadsts")
    explanations = table["explanations"]
    lines = []
    for code, entry in table["codes"].items():
        row = explanations[entry["is"]]
        seen = f"{', '.join(row['seen'])} ({row.get('seen_source', 'I')})"
        cells = [code, entry["is"], row["class"], str(EXIT_CODES[row["class"]]), seen, entry["source"]]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |\n")
    legend = "".join(f"- {letter}: {text}\n" for letter, text in table["sources"].items())
    return _CODES + "".join(lines) + "\n" + legend


if __name__ == "__main__":
    sys.stdout.write(codes() if sys.argv[1:] == ["codes"] else document())
