"""
What keeps sign-ins alive by itself, a timer of systemd or a line for cron, and what tells a person.

The first two are about all accounts, or the one that is named; the last about whichever needs somebody.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.program import Program, fill

#: The programs of this room.
PROGRAMS = (
    Program("systemd", "keeps sign-ins alive, by a timer", "~/.config/systemd/user/"),
    Program("cron", "keeps sign-ins alive, by a line", "the table that crontab -e opens"),
    Program("notify", "tells you once that an account needs you", "a shell"),
)
#: Their names.
NAMES = frozenset(program.name for program in PROGRAMS)
_HERE = Path(__file__).parent


def render(program: str, name: str | None) -> str:
    """Return the snippet of *program* for the account *name*, or for all that are signed in."""
    if program == "notify":
        return _notify()
    words = [*stub.command(), "refresh", *([name] if name else [])]
    place = stub.place()
    if program == "cron":
        command = shlex.join([*(["env", place] if place else []), *words])
        # cron makes a new line of a per cent sign, and takes away the backslash before one (crontab(5))
        return fill("cron", {"command": command.replace("%", "\\%")})
    about = (
        f"Environment={_for_systemd(place)}" if place else "# What your shell sets, HTTPS_PROXY say, is not known here."
    )
    quoted = " ".join(_for_systemd(word).replace("$", "$$") for word in words)
    return fill("systemd", {"command": quoted, "environment": about})


def _for_systemd(text: str) -> str:
    """Return *text* as one word of a unit file: quoted, and no specifier in it (systemd.syntax(7), systemd.unit(5))."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _notify() -> str:
    """Return the samples as commands that set them: what is no comment in the file is a command for ``notify``."""
    ours = shlex.join(stub.command())
    lines = (_HERE / "notify.txt").read_text(encoding="utf-8").splitlines()
    made = [line if line.startswith("#") else f"{ours} notify --command {shlex.quote(line)}" for line in lines]
    return "\n".join(made) + "\n"
