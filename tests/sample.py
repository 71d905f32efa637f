"""The shipped sample-offlineimaprc, and its placeholders."""

from __future__ import annotations

import re
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "sample-offlineimaprc"


def fill_in(sample: str, values: dict[str, str]) -> str:
    """Return the sample with its chevrons replaced; those in comments stay."""
    lines = []
    for line in sample.splitlines():
        filled = line
        if not line.startswith("#"):
            for key, value in values.items():
                filled = filled.replace(f"<{key}>", value)
            assert not re.search(r"<[^>]*>", filled), f"a chevron that nobody replaced: {line}"
        lines.append(filled)
    return "\n".join(lines) + "\n"
