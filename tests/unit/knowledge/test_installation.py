"""The command that installs the program again fits the way it was installed."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import sys
from typing import TYPE_CHECKING
from unittest import mock

from offlineimap_m365.knowledge import installation

if TYPE_CHECKING:
    import pytest

PIPX, UV = "/home/a/.local/share/pipx/venvs", "/home/a/.local/share/uv/tools"


def test_the_repair_fits_the_installation(monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests) -> None:
    """
    pipx, an injected package, uv and a virtual environment each have a command, from where pip had it (PEP 610).

    No pip command is advised where pip must not write: the distribution's package is installed by the distribution.
    """
    in_venv = "python3 -m venv '/home/a/my venv' && '/home/a/my venv'/bin/pip install SOURCE"
    uv_add = "uv tool install --force SOURCE --with keyring"
    commands = {
        f"{PIPX}/offlineimap-m365": ("pipx install --force SOURCE", "pipx inject offlineimap-m365 keyring"),
        f"{PIPX}/offlineimap": ("pipx inject --force offlineimap SOURCE", "pipx inject offlineimap keyring"),
        f"{UV}/offlineimap-m365": ("uv tool install --force SOURCE", uv_add),
        "/home/a/my venv": (in_venv, "PYTHON -m pip install keyring"),
        "/usr": ("", ""),
    }
    sources: list[tuple[dict[str, object], str]] = [
        ({}, "offlineimap-m365"),
        ({"url": "file:///home/a/the%20clone", "dir_info": {}}, "'/home/a/the clone'"),
        ({"url": "https://example.org/it.git", "vcs_info": {"vcs": "git"}}, "git+https://example.org/it.git"),
        ({"url": "https://example.org/it.whl", "archive_info": {}}, "https://example.org/it.whl"),
    ]
    module = "/usr/lib/python3/dist-packages/offlineimap_m365/knowledge/installation.py"
    monkeypatch.setattr(installation, "__file__", module)
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "executable", "PYTHON")
    for (prefix, (again, more)), (origin, source) in itertools.product(commands.items(), sources):
        with subtests.test(prefix=prefix, source=source):
            text = json.dumps(origin) if origin else None
            distribution = mock.Mock(read_text=mock.Mock(return_value=text))
            monkeypatch.setattr(importlib.metadata, "distribution", mock.Mock(return_value=distribution))
            monkeypatch.setattr(sys, "prefix", prefix)

            assert (installation.repair().command or "") == again.replace("SOURCE", source)
            assert ("distribution's" in installation.repair().advice) == (prefix == "/usr")
            assert (installation.add("keyring").command or "") == more.replace("SOURCE", source)
