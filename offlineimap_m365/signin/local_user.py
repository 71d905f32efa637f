"""
Whether a connection from this computer was made by the same user, as the kernel knows it (Linux).

Other users can read the state of a sign-in in the browser's command line, and could end the wait with it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: States of a connection (Linux, include/net/tcp_states.h).
_ESTABLISHED, _LISTEN = "01", "0A"


def is_same_user(port: int, client_port: int, tables: str | None = None) -> bool:
    """
    Return whether the connection from *client_port* to our *port* was made by this user, or by root.

    *tables* are the kernel's lists of connections (proc_pid_net(5)): address:port of both ends in hexadecimal, the
    state, and in the eighth column the user. Where they do not list our own port they tell nothing, and any connection
    counts. One that was closed at once names no user any more, so only an open one counts.
    """
    ours, theirs = f"{port:04X}", f"{client_port:04X}"
    lines = [line for line in (_tables() if tables is None else tables).splitlines() if f":{ours} " in line]
    rows = [(row[1][-4:], row[2][-4:], row[3], row[7]) for row in map(str.split, lines)]
    if not any((local, state) == (ours, _LISTEN) for local, _, state, _ in rows):
        return True
    users = {user for *ends, user in rows if ends == [theirs, ours, _ESTABLISHED]}
    return bool(users) and users <= {"0", str(os.geteuid())}


def _tables() -> str:
    text = ""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            text += Path(f"/proc/net/{name}").read_text(encoding="ascii")
    return text
