"""The command that installs the program again fits the way it was installed."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import sys
from types import SimpleNamespace

import pytest

from offlineimap_m365.knowledge import installation

PIPX, UV = "/home/a/.local/share/pipx/venvs", "/home/a/.local/share/uv/tools"


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return what pip recorded of the origin (PEP 610), to be filled in; Python itself is the distribution's."""
    record: dict[str, object] = {}
    distribution = SimpleNamespace(read_text=lambda _: json.dumps(record) if record else None)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: distribution)
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "executable", "PYTHON")
    return record


def test_the_repair_fits_the_installation(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, object], subtests: pytest.Subtests
) -> None:
    """pipx, an injected package, uv and a virtual environment each have a command, from where pip had it."""
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
    for (prefix, (again, more)), (record, source) in itertools.product(commands.items(), sources):
        with subtests.test(prefix=prefix, source=source):
            origin.clear()
            origin.update(record)
            monkeypatch.setattr(sys, "prefix", prefix)

            assert (installation.repair().command or "") == again.replace("SOURCE", source)
            assert (installation.add("keyring").command or "") == more.replace("SOURCE", source)


def test_a_distributions_package_is_installed_again_by_the_distribution(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, object]
) -> None:
    """No pip command is advised where pip must not write."""
    monkeypatch.setattr(sys, "prefix", "/usr")
    module = "/usr/lib/python3/dist-packages/offlineimap_m365/knowledge/installation.py"
    monkeypatch.setattr(installation, "__file__", module)

    remedy = installation.repair()

    assert remedy.command is None
    assert "distribution" in remedy.advice
