"""The report for a public place: an allow list of what names nobody."""

from __future__ import annotations

import dataclasses
import json
import platform
import re
from pathlib import Path

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import arguments
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.output import public_report

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

PRIVATE = "alice@uni.example"


def check_with_private_text_everywhere(code: str = PRIVATE) -> Check:
    """Return a failed check, of which only the name and outcome may be published."""
    fields = {field.name: PRIVATE for field in dataclasses.fields(Check)}
    return Check(**{**fields, "name": "refresh", "ok": False, "code": code})  # type: ignore[arg-type]


def test_no_text_of_a_check_is_published() -> None:
    """Of a check that holds a private word in every field, the report shows the name, outcome and a number."""
    found = public_report.document([check_with_private_text_everywhere()])

    assert found["checks"] == [{"name": "refresh", "ok": False, "account": 1, "code": "other"}]
    assert PRIVATE not in json.dumps(found)


@pytest.mark.parametrize("code", ["AADSTS50173", "invalid_grant"])
def test_known_codes_are_published(code: str) -> None:
    """Microsoft's codes and OAuth's error names are nobody's own."""
    found = public_report.document([check_with_private_text_everywhere(code=code)])

    assert found["checks"][0]["code"] == code


def test_accounts_are_numbered() -> None:
    """Which checks belong to the same account can be seen; whose it is cannot."""
    checks = [
        Check("store", ok=True, meaning="", account=name) for name in ("a@x.example", "b@x.example", "a@x.example")
    ]

    found = public_report.document([Check("home", ok=True, meaning=""), *checks])

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
