"""The command that makes the pictures of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import pictures
from tests.whole.chromium import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"


def test_the_pictures_of_the_readme_can_be_made_again(tmp_path: Path) -> None:
    """One command makes every picture that the README shows, and they lie where it looks for them."""
    named = {path.name for path in (ROOT / "docs").glob("*.png")}

    pictures.main([str(tmp_path)])

    assert named <= {path.name for path in tmp_path.iterdir()}
    assert all(path.read_bytes().startswith(_PNG) for path in tmp_path.iterdir())
    assert all(f"docs/{name}" in (ROOT / "README.md").read_text(encoding="utf-8") for name in named)
