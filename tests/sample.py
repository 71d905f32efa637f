"""The shipped sample-offlineimaprc, and its placeholders."""

from __future__ import annotations

import re
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "sample-offlineimaprc"


def fill_in(sample: str, values: dict[str, str]) -> str:
    """Return the sample with its chevrons replaced; those in comments stay."""
    lines = (
        line if line.startswith("#") else re.sub("<([^>]*)>", lambda found: values[found[1]], line)
        for line in sample.splitlines()
    )
    return "\n".join(lines) + "\n"
