"""
``setup``: from nothing to mail in one command.
"""

from __future__ import annotations

import argparse

from offlineimap_m365.setup import guide


def run(options: argparse.Namespace) -> int:
    """Set up an account and its mail programs, or undo that; raises M365Error."""
    return guide.run(options)
