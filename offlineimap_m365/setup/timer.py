"""
The daily timer that keeps sign-ins alive, and the desktop notification for when a person must sign in.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.base import environment, process
from offlineimap_m365.recipes import timers
from offlineimap_m365.tokens import notify

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMER = "offlineimap-m365.timer"
_PARTS = ("systemd-service", "systemd-timer")


def has_systemd() -> bool:
    """Return whether systemd runs units of this user now."""
    return shutil.which("systemctl") is not None and _systemctl("show-environment")


def units() -> Iterator[tuple[Path, str]]:
    """Return the path and the text of each unit file."""
    for part in _PARTS:
        yield Path(recipes.PROGRAMS[part].file).expanduser(), timers.render(part, None)


def is_enabled() -> bool:
    """Return whether the timer is on."""
    return shutil.which("systemctl") is not None and _systemctl("is-enabled", "--quiet", TIMER)


def enable() -> bool:
    """Switch the timer on; return whether that worked."""
    return _systemctl("daemon-reload") and _systemctl("enable", "--now", TIMER)


def disable() -> bool:
    """Switch the timer off; return whether that worked."""
    return _systemctl("disable", "--now", TIMER)


def crontab_line() -> str:
    """Return the line for a crontab."""
    return next(line for line in timers.render("cron", None).splitlines() if line and not line.startswith("#"))


def is_notification(command: str | None) -> bool:
    """Return whether *command* is the one that notification() returns."""
    return command == timers.desktop_notification()


def notification() -> str | None:
    """Return the command that shows a desktop notification, None where there is none or another is set."""
    if not shutil.which("notify-send") or not environment.graphical() or notify.command() is not None:
        return None
    return timers.desktop_notification()


def _systemctl(*words: str) -> bool:
    return process.run(["systemctl", "--user", *words], seconds=20).is_success
