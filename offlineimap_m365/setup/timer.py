"""
The daily timer that keeps sign-ins alive, as units of systemd.
"""

from __future__ import annotations

from pathlib import Path

from offlineimap_m365 import recipes
from offlineimap_m365.base import process
from offlineimap_m365.recipes import timers

TIMER = "offlineimap-m365.timer"


def units() -> dict[Path, str]:
    """Return the text of each unit file by its path."""
    parts = ("systemd-service", "systemd-timer")
    return {Path(recipes.PROGRAMS[part].file).expanduser(): timers.render(part, None) for part in parts}


def systemctl(*words: str) -> bool:
    """Run systemctl for this user's units; return whether it succeeded."""
    return process.run(["systemctl", "--user", *words], seconds=20).is_success
