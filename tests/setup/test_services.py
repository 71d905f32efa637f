"""Nothing that is installed may start."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING

from tests.setup import services

if TYPE_CHECKING:
    from pathlib import Path


def test_policy_forbids(tmp_path: Path) -> None:
    """While packages are installed every start is answered with 101, and afterwards there is no policy as before."""
    policy = tmp_path / "policy-rc.d"

    with services.forbidden(policy):
        answer = subprocess.run([policy, "dovecot", "start"], check=False)

    assert answer.returncode == 101
    assert list(tmp_path.iterdir()) == []


def test_policy_comes_back(tmp_path: Path) -> None:
    """An administrator's own policy is the same file afterwards."""
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n", "ascii")
    before = policy.stat().st_ino

    with services.forbidden(policy):
        meanwhile = policy.read_text("ascii")

    assert "exit 101" in meanwhile
    assert policy.stat().st_ino == before


def test_policy_of_a_killed_run(tmp_path: Path) -> None:
    """What a killed run left behind is not taken for the administrator's policy."""
    policy = tmp_path / "policy-rc.d"
    with services.forbidden(policy):
        left_behind = policy.read_text("ascii")
    policy.write_text(left_behind, "ascii")

    with services.forbidden(policy):
        pass

    assert not policy.exists()


def _listen(family: socket.AddressFamily, host: str) -> socket.socket:
    """Listen on a port of one's own, as services do: below those that the kernel gives to who wants any."""
    for port in range(20_000, 32_000):
        with contextlib.suppress(OSError):  # taken
            return socket.create_server((host, port), family=family)
    raise AssertionError("no port is free")


def test_a_new_listener_is_seen() -> None:
    """A socket that listens since is named with its address and the program, on IPv4 and IPv6."""
    before = services.listeners()
    four = _listen(socket.AF_INET, "127.0.0.1")
    six = _listen(socket.AF_INET6, "::1")
    addresses = [f"127.0.0.1:{four.getsockname()[1]}", f"::1:{six.getsockname()[1]}"]

    with four, six:
        started = services.started_since(before)

    assert {line.split()[0] for line in started} >= set(addresses)
    assert all("unknown" not in line for line in started if line.split()[0] in addresses)


def test_what_took_any_port_is_no_service() -> None:
    """Another program's socket on a port that the kernel gave it does not stop an installation."""
    before = services.listeners()

    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        started = services.started_since(before)

    assert address not in {line.split()[0] for line in started}
