"""
How this program was installed, and the command that installs it again.

Python 3.9. A foreign interpreter cannot tell, so the stub records the answer.
"""

from __future__ import annotations

import os
import sys

from offlineimap_m365.base import errors

#: What helps where the way of installing is not known.
UNKNOWN = errors.Remedy(f"Install {errors.COMMAND} again, the way you installed it")


def repair() -> errors.Remedy:
    """Return what installs this program again, by the directory that it is installed in."""
    quoted, prefix = errors.quoted, sys.prefix
    package, source = os.path.dirname(os.path.dirname(os.path.abspath(__file__))), _source()
    parent, environment = os.path.split(prefix)
    if parent.endswith("/pipx/venvs"):
        is_own = environment == errors.COMMAND
        return _again(f"pipx install --force {source}" if is_own else f"pipx inject --force {environment} {source}")
    if parent.endswith("/uv/tools"):
        return _again(f"uv tool install --force {source}")
    if sys.prefix != sys.base_prefix:
        return _again(f"python3 -m venv {quoted(prefix)} && {quoted(prefix)}/bin/pip install {source}")
    if package.startswith("/usr/lib/"):
        return errors.Remedy(f"Install your distribution's package {errors.COMMAND} again")
    return UNKNOWN


def broken(error: ImportError, account: str | None = None) -> errors.Misconfigured:
    """Return the error for a module that is missing or cannot be loaded."""
    return errors.Misconfigured(
        f"{errors.COMMAND} is not completely installed ({error})", account=account, remedy=repair()
    )


def _again(command: str) -> errors.Remedy:
    return errors.Remedy("Install it again", command)


def _source() -> str:
    """Return, quoted, what pip installed this program from (PEP 610); the name of the project if that is not known."""
    import importlib.metadata  # noqa: PLC0415 - only for an error, or when the stub is written
    import json  # noqa: PLC0415
    from urllib.parse import unquote  # noqa: PLC0415

    try:
        origin = json.loads(importlib.metadata.distribution(errors.COMMAND).read_text("direct_url.json") or "{}")
    except importlib.metadata.PackageNotFoundError:
        origin = {}
    url, version_control = origin.get("url", ""), origin.get("vcs_info")
    if version_control:
        return errors.quoted(f"{version_control['vcs']}+{url}")
    if url.startswith("file://"):
        return errors.quoted(unquote(url[len("file://") :]))
    return errors.quoted(url or errors.COMMAND)
