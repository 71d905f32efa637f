"""
The daily timer that keeps sign-ins alive, as units of systemd.
"""

from __future__ import annotations

from pathlib import Path

from offlineimap_m365 import recipes
from offlineimap_m365.base import process
from offlineimap_m365.recipes import timers

TIMER = "offlineimap-m365.timer"


def has_systemd() -> bool:
    """Return whether systemd runs units of this user now."""
    return _systemctl("show-environment")


def is_enabled() -> bool:
    """Return whether the timer is on."""
    return _systemctl("is-enabled", "--quiet", TIMER)


def units() -> dict[Path, str]:
    """Return the text of each unit file by its path."""
    parts = ("systemd-service", "systemd-timer")
    return {Path(recipes.PROGRAMS[part].file).expanduser(): timers.render(part, None) for part in parts}


def enable() -> bool:
    """Switch the timer on; return whether that worked."""
    return _systemctl("daemon-reload") and _systemctl("enable", "--now", TIMER)


def disable() -> bool:
    """Switch the timer off; return whether that worked."""
    return _systemctl("disable", "--now", TIMER)


def _systemctl(*words: str) -> bool:
    return process.run(["systemctl", "--user", *words], seconds=20).is_success
