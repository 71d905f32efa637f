"""
``completion``: the completion script of a shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.base import fresh_token
from offlineimap_m365.cli import completion

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the script of the shell that was named."""
    return fresh_token.hand_out(completion.script(options.shell).rstrip("\n"))
