"""
Hatchling's hook: man pages and completions are made with every wheel and sdist, and are in no checkout.

Man pages need nothing but this package. Completions need shtab, and an sdist carries them, so that whoever builds from
it needs no shtab; one that is there is asked again, since the parser may have been patched.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: The release that completions were tested with; fish came with 1.9.
SHTAB = "shtab>=1.13"
#: Where they lie in an sdist, below its root.
PAGES, COMPLETIONS = Path("docs", "man"), Path("docs", "completion")
#: Where the shells look below a prefix, by the end of the file's name.
_SHELLS = {
    ".bash": "share/bash-completion/completions/offlineimap-m365",
    ".fish": "share/fish/vendor_completions.d/offlineimap-m365.fish",
    "": "share/zsh/site-functions/_offlineimap-m365",
}


class Manual(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the files to what is built, from a directory that goes afterwards."""

    def dependencies(self) -> list[str]:
        """Return what must be installed for the build (PEP 517, get_requires_for_build_wheel)."""
        return [] if (Path(self.root) / COMPLETIONS).is_dir() else [SHTAB]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Make the files and name them to the build."""
        self._folder = tempfile.TemporaryDirectory()
        files = {PAGES / name: text for name, text in self._made_by().pages.pages().items()}
        files |= {COMPLETIONS / name: text for name, text in self._completions().items()}
        is_wheel = self.target_name == "wheel"
        named = build_data["shared_data" if is_wheel else "force_include"]
        for name, text in files.items():
            path = Path(self._folder.name) / name.name
            path.write_text(text, encoding="utf-8")
            named[str(path)] = _place(name) if is_wheel else name.as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the same
        """Remove what was made; it is in the artifact."""
        self._folder.cleanup()

    def _completions(self) -> dict[str, str]:
        try:
            made: dict[str, str] = self._made_by().completions.completions()
        except ImportError:
            shipped = Path(self.root) / COMPLETIONS
            if not shipped.is_dir():
                raise
            made = {path.name: path.read_text(encoding="utf-8") for path in sorted(shipped.iterdir())}
        return made

    def _made_by(self) -> Any:
        """Return what makes them: of this source tree, whatever else is installed."""
        if self.root not in sys.path:
            sys.path.insert(0, self.root)
        import docs.manual.completions  # noqa: PLC0415 - found only now
        import docs.manual.pages  # noqa: PLC0415

        return docs.manual


def _place(name: Path) -> str:
    """Return where the file *name* of an sdist is installed, below the prefix."""
    return _SHELLS[name.suffix] if name.parent == COMPLETIONS else f"share/man/man1/{name.name}"
