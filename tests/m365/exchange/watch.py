"""What can be seen of a server from outside: who can reach it, and what comes true in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LISTENING = "0A"
_IPV6_LOOPBACK = "00000000000000000000000001000000"


def public_listeners() -> set[str]:
    """Return the local addresses of this machine that listen and are not loopback (proc_pid_net(5): tcp, tcp6)."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == _LISTENING and not _is_loopback(row[1].partition(":")[0])}


def eventually(holds: Callable[[], bool], seconds: float = 3.0) -> bool:
    """Wait up to *seconds* until *holds*; say whether it does."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def _is_loopback(address: str) -> bool:
    """Say so of an address in the kernel's hexadecimal, whose words are little-endian."""
    return address == _IPV6_LOOPBACK or (len(address) == len("0100007F") and address.endswith("7F"))
