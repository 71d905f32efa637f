"""
Hatchling's build hook: make the man pages and the completion scripts for every wheel and sdist.

Both are made from the parser of this source tree, with the standard library only; no checkout contains them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: By shell: the file in an sdist, below docs/completion; and where the shell looks, below a prefix.
_COMPLETIONS = {
    "bash": ("offlineimap-m365.bash", "share/bash-completion/completions/offlineimap-m365"),
    "zsh": ("_offlineimap-m365", "share/zsh/site-functions/_offlineimap-m365"),
    "fish": ("offlineimap-m365.fish", "share/fish/vendor_completions.d/offlineimap-m365.fish"),
}


class Manual(BuildHookInterface):  # type: ignore[type-arg]
    """Add the files to a build, from a temporary directory."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Write the files and name them to the build."""
        self._folder = tempfile.TemporaryDirectory()
        is_wheel = self.target_name == "wheel"
        included = build_data["shared_data" if is_wheel else "force_include"]
        for in_sdist, installed, text in self._files():
            path = Path(self._folder.name) / Path(in_sdist).name
            path.write_text(text, encoding="utf-8")
            included[str(path)] = installed if is_wheel else in_sdist

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the same
        """Remove the temporary directory."""
        self._folder.cleanup()

    def _files(self) -> list[tuple[str, str, str]]:
        """Return each file: its place in an sdist, its place below a prefix, its text."""
        if self.root not in sys.path:
            sys.path.insert(0, self.root)
        from docs.manual import pages  # noqa: PLC0415 - of this source tree, found only now
        from offlineimap_m365.cli.commands import completion_command  # noqa: PLC0415

        files = [(f"docs/man/{name}", f"share/man/man{name[-1]}/{name}", text) for name, text in pages.pages().items()]
        for shell, (name, installed) in _COMPLETIONS.items():
            files.append((f"docs/completion/{name}", installed, completion_command.script(shell)))
        return files
