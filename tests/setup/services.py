"""
No installed service may start: forbidden while Debian's packages are installed, checked afterwards.

dovecot-core's postinst enables and starts a server on all addresses. invoke-rc.d(8) asks ``policy-rc.d``
first, and 101 means forbidden; where systemd runs the units are masked too and stay so, or the next boot
would start them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = Path("/usr/sbin/policy-rc.d")
#: Units that the packages of `tests.setup.debian` bring along.
UNITS = ("dovecot.service", "dovecot.socket")

_FORBIDDEN = "#!/bin/sh\n# Written by the tests of offlineimap-m365 while they install packages.\nexit 101\n"
#: include/net/tcp_states.h
_LISTENING = "0A"


@contextlib.contextmanager
def forbidden(policy: Path = POLICY) -> Iterator[None]:
    """Answer 101 to every attempt to start a service; the *policy* of before comes back."""
    saved = policy.with_name(policy.name + ".before-m365-tests")
    if saved.exists():  # a run that was killed
        saved.replace(policy)
    if policy.exists() and policy.read_text("utf-8", "replace") != _FORBIDDEN:
        os.link(policy, saved)
    fresh = policy.with_name(policy.name + ".m365-tests")
    fresh.write_text(_FORBIDDEN, "utf-8")
    fresh.chmod(0o755)
    fresh.replace(policy)
    try:
        yield
    finally:
        if saved.exists():
            saved.replace(policy)
        else:
            policy.unlink()


def to_mask(units: tuple[str, ...] = UNITS) -> list[str]:
    """Return the units to mask: where systemd runs, those not there yet; what an administrator runs stays."""
    if not Path("/run/systemd/system").is_dir():
        return []
    folders = [Path(name) for name in ("/lib/systemd/system", "/usr/lib/systemd/system", "/etc/systemd/system")]
    return [unit for unit in units if not any((folder / unit).exists() for folder in folders)]


def listeners(tables: tuple[str, ...] = ("/proc/net/tcp", "/proc/net/tcp6")) -> dict[str, str]:
    """Return the TCP sockets that listen, ``address:port`` to inode (proc_net(5))."""
    found = {}
    for table in tables:
        path = Path(table)
        lines = path.read_text("ascii").splitlines()[1:] if path.exists() else []
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING:
                found[_address(fields[1])] = fields[9]
    return found


def _address(field: str) -> str:
    """Return ``0100007F:0016`` as ``127.0.0.1:22``; the kernel writes 32 bits in the machine's byte order."""
    words, port = field.split(":")
    numbers = [int(words[i : i + 8], 16) for i in range(0, len(words), 8)]
    packed = b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)
    return f"{ipaddress.ip_address(packed)}:{int(port, 16)}"


def started_since(before: dict[str, str]) -> list[str]:
    """
    Return the sockets that listen now and did not *before*, with the program if we can see it.

    What listens on a port that the kernel gave away for the asking is some program's own affair: a service that a
    package installs has a port of its own.
    """
    free = _ports_for_the_asking()
    fresh = {
        address: inode
        for address, inode in listeners().items()
        if address not in before and int(address.rpartition(":")[2]) not in free
    }
    return [f"{address} ({_owner(inode)})" for address, inode in sorted(fresh.items())]


def _ports_for_the_asking(table: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")) -> range:
    """Return the ports that the kernel gives to who wants any (ip(7)); none if it does not say."""
    try:
        first, last = map(int, table.read_text("ascii").split())
    except (OSError, ValueError):
        return range(0)
    return range(first, last + 1)


def _owner(inode: str) -> str:
    """Return the name of a program that has the socket *inode* open."""
    wanted = f"socket:[{inode}]"
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # processes come and go, and some are not ours to look into
            if str(handle.readlink()) == wanted:
                return (handle.parents[1] / "comm").read_text("utf-8", "replace").strip()
    return "unknown program"
