"""
How this program was installed, and the command that installs it again.

Loaded by foreign interpreters too: standard library and Python 3.9 only. They cannot tell how it was installed, so the
stub records the answer.
"""

from __future__ import annotations

import os
import sys

from offlineimap_m365.base import errors

_PIPX, _UV, _VENV, _DISTRIBUTION = "pipx", "uv", "venv", "distribution"
#: What helps where the way of installing is not known.
UNKNOWN = errors.Remedy(f"Install {errors.COMMAND} again, the way you installed it")


def repair() -> errors.Remedy:
    """Return what installs this program again, by the directory that it is installed in."""
    kind, prefix, source, environment = _kind(), errors.quoted(sys.prefix), _source(), os.path.basename(sys.prefix)
    is_own = environment == errors.COMMAND
    commands = {
        _PIPX: f"pipx install --force {source}" if is_own else f"pipx inject --force {environment} {source}",
        _UV: f"uv tool install --force {source}",
        _VENV: f"python3 -m venv {prefix} && {prefix}/bin/pip install {source}",
    }
    if kind == _DISTRIBUTION:
        return errors.Remedy(f"Install your distribution's package {errors.COMMAND} again")
    return errors.Remedy("Install it again", commands[kind]) if kind else UNKNOWN


def add(library: str) -> errors.Remedy:
    """Return what installs the Python package *library* beside this program."""
    library = errors.quoted(library)
    commands = {
        _PIPX: f"pipx inject {os.path.basename(sys.prefix)} {library}",
        _UV: f"uv tool install --force {_source()} --with {library}",
        _VENV: f"{errors.quoted(sys.executable)} -m pip install {library}",
    }
    return errors.Remedy(f"Install the Python package {library} beside this program", commands.get(_kind()))


def _kind() -> str:
    """Return how this program was installed; an empty text if that is not known."""
    parent = os.path.dirname(sys.prefix)
    if parent.endswith("/pipx/venvs"):
        return _PIPX
    if parent.endswith("/uv/tools"):
        return _UV
    if sys.prefix != sys.base_prefix:
        return _VENV
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return _DISTRIBUTION if package.startswith("/usr/lib/") else ""


def broken(error: ImportError, account: str | None = None) -> errors.Misconfigured:
    """Return the error for a module that is missing or cannot be loaded."""
    return errors.Misconfigured(
        f"{errors.COMMAND} is not completely installed ({error})", account=account, remedy=repair()
    )


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
