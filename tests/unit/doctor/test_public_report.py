"""The report for a public place: an allow list of what names nobody."""

from __future__ import annotations

import dataclasses
import json
import platform
import re
from pathlib import Path
from typing import Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import arguments
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.output import public_report
from offlineimap_m365.recipes import limits

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

PRIVATE = "alice@uni.example"


def test_no_text_of_a_check_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a check with a private word in every field: its name, outcome, a number, and codes of Microsoft and OAuth."""
    monkeypatch.setattr(limits, "version", lambda _: None)  # no program is started for it
    fields: dict[str, Any] = {field.name: PRIVATE for field in dataclasses.fields(Check)}
    for code, shown in ((PRIVATE, "other"), ("AADSTS50173", "AADSTS50173"), ("invalid_grant", "invalid_grant")):
        found = public_report.document([Check(**{**fields, "name": "refresh", "ok": False, "code": code})])

        assert found["checks"] == [{"name": "refresh", "ok": False, "account": 1, "code": shown}]
        assert PRIVATE not in json.dumps(found)


def test_accounts_are_numbered() -> None:
    """Which checks belong to the same account can be seen; whose it is cannot."""
    names = (None, "a@x.example", "b@x.example", "a@x.example")

    found = public_report.document([Check("store", ok=True, meaning="", account=name) for name in names])

    assert [check.get("account") for check in found["checks"]] == [None, 1, 2, 1]


def test_versions_and_platform_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of the libraries are there; a kernel's name, which users can choose, is cut to its numbers."""
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-alice-laptop")

    found = public_report.document([])

    assert found["versions"][errors.COMMAND] == __version__
    assert found["versions"]["msal"]
    assert "6.1.0" in found["platform"]
    assert "alice" not in found["platform"]


def test_the_issue_template_asks_for_it() -> None:
    """What somebody is asked to run is what the command line takes."""
    template = Path(__file__).parents[3] / ".github" / "ISSUE_TEMPLATE" / "bug.yml"

    named = re.findall(
        rf"{errors.COMMAND}((?: [\w~./-]+)+)`", template.read_text(encoding="utf-8").replace("\n       ", "")
    )

    assert " doctor --report" in named
    assert len(named) == 5
    for words in named:
        arguments.parser().parse_args(words.split())
