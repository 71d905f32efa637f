"""
The environments that a run gives to what it starts: one for installing, one for testing.

A proxy or a CA file that a company's network needs belongs to the first and never reaches the second.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FOR_INSTALLING = (
    "HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
)


def for_installing(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what apt and pip may know of the *given* environment: proxies, CA files, pip's own settings."""
    kept = {name: value for name, value in given.items() if name.upper() in _FOR_INSTALLING or name.startswith("PIP_")}
    return kept | {"PATH": _SYSTEM_PATH, "LANG": "C.UTF-8"}


def for_testing(folder: Path) -> dict[str, str]:
    """Return all that a test finds in its environment; its home and its temporary files lie in *folder*."""
    return {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PATH": _SYSTEM_PATH,
        "LANG": "C.UTF-8",
    }
