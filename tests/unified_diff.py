"""
Applies a unified diff as ``patch`` does, without fuzz: the tests must not depend on a program that may be missing.
"""

from __future__ import annotations

import re
from pathlib import Path

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


def apply(diff: str) -> None:
    """Change the files that *diff* names. Fails where a hunk does not fit, or changes nothing."""
    path, lines, shift = Path(), [], 0
    hunks = iter(re.split(r"(?m)^(?=@@ |--- /)", diff))
    assert next(hunks) == ""
    for hunk in hunks:
        head, *body = hunk.removesuffix("\n").split("\n")
        if head.startswith("--- "):
            path, shift = Path(head[4:].rstrip("\t")), 0
            lines = path.read_bytes().decode("utf-8").split("\n")
            continue
        match = _HUNK.match(head)
        assert match, head
        old = [line[1:] for line in body if line[0] in " -"]
        new = [line[1:] for line in body if line[0] in " +"]
        start = int(match[1]) - (match[2] != "0") + shift
        assert lines[start : start + len(old)] == old != new
        lines[start : start + len(old)] = new
        shift += len(new) - len(old)
        path.write_bytes("\n".join(lines).encode("utf-8"))
