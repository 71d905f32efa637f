"""The part that needs root: ``python -m tests.setup.install PACKAGE…`` installs and lets no service start."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from tests.setup import services

#: Another package manager may be at work; seconds (apt.conf(5)).
_LOCK_TIMEOUT = 600
_ATTEMPTS = 3


def main(packages: list[str]) -> int:
    """Install *packages*; 1 if that fails or if anything listens afterwards that did not before."""
    before = services.listeners()
    masked = services.to_mask()
    if masked:
        subprocess.run(["systemctl", "mask", *masked], check=True)
    with services.forbidden():
        good = _install(packages)
    started = services.started_since(before)
    if started:
        sys.stderr.write("The installation started something that listens:\n")
        sys.stderr.writelines(f"  {line}\n" for line in started)
    return 0 if good and not started else 1


def _install(packages: list[str]) -> bool:
    """Install from the lists that are there, else from new ones."""
    if _apt("install", *packages):
        return True
    for attempt in range(_ATTEMPTS):
        if _apt("update") and _apt("install", *packages):
            return True
        time.sleep(5 * (attempt + 1))  # a mirror in the middle of its own update; a lock on the lists
    return False


def _apt(*arguments: str) -> bool:
    """Call apt-get without questions, without recommended packages; tell whether it succeeded."""
    options = [
        "--yes",
        "--quiet",
        "--no-install-recommends",
        "--option",
        f"DPkg::Lock::Timeout={_LOCK_TIMEOUT}",
    ]
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(["apt-get", *options, *arguments], check=False, env=environ).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
