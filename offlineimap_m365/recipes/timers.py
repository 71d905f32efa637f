"""
Timers that keep sign-ins alive (systemd, cron), and commands that notify a person.

A timer refreshes all accounts, or the one that is named.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes import template_values
from offlineimap_m365.recipes.template_values import Program, fill

_UNITS = "~/.config/systemd/user/"
PROGRAMS = (
    Program("systemd", "keeps sign-ins alive: a service and a timer", _UNITS),
    Program("systemd-service", "the service alone", f"{_UNITS}offlineimap-m365.service"),
    Program("systemd-timer", "the timer alone", f"{_UNITS}offlineimap-m365.timer"),
    Program("cron", "keeps sign-ins alive: one line", "the table that crontab -e opens"),
    Program("notify", "tells you once that an account needs you", "a shell"),
)
#: The names of these programs, which have no mailboxes.
NAMES = frozenset(program.name for program in PROGRAMS)


def render(program: str, name: str | None) -> str:
    """Return the configuration of *program* for the account *name*, or for all that are signed in."""
    if program == "notify":
        ours = shlex.join([*stub.command(), "notify", "--command"])
        return "\n".join(line if line.startswith("#") else f"{ours} {shlex.quote(line)}" for line in _samples())
    words = template_values.command_words("refresh", *([name] if name else []))
    if program == "cron":
        # cron makes a line break of a per cent sign, and removes the backslash before one (crontab(5))
        return fill("cron", {"command": shlex.join(words).replace("%", "\\%")})
    place, command = (words[1], words[2:]) if words[0] == "env" else (None, words)
    no_place = "# Variables of your shell, such as HTTPS_PROXY, are not set here."
    values = {
        "command": " ".join(_for_systemd(word).replace("$", "$$") for word in command),
        "environment": f"Environment={_for_systemd(place)}" if place else no_place,
    }
    units = {name: fill(name, values) for name in ("systemd-service", "systemd-timer")}
    return units.get(program) or "\n".join(units.values())


def _for_systemd(text: str) -> str:
    """Return *text* as one word of a unit file, quoted, without specifiers (systemd.syntax(7), systemd.unit(5))."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def desktop_notification() -> str:
    """Return the command that shows a notification on a desktop: the first one of the samples."""
    return next(line for line in _samples() if not line.startswith("#"))


def _samples() -> list[str]:
    """Return the lines of ``notify.txt``: comments, and commands for ``notify``."""
    return Path(__file__).with_name("notify.txt").read_text(encoding="utf-8").splitlines()
