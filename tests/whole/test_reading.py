"""What programs that read mail are told, as far as it can be seen without them."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.recipes import targets, template_values
from tests.unit.recipes.test_recipes import NAMES

if TYPE_CHECKING:
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE = "alice@example.org"
#: Reads TOML: part of Python from 3.11 on, and of pytest before.
TOML: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_toml_gives_back_what_was_meant(world: World, name: str) -> None:
    """However odd the addresses, himalaya's file has mailbox and delegate, and its command has the latter as a word."""
    assert world
    name, mailbox = clean_name(name), clean_name(f"with.dot.{name}")

    [account] = TOML.loads(recipes.render("himalaya", targets.defaults(name), [mailbox]))["accounts"].values()

    for protocol, user in (("imap", mailbox), ("smtp", name)):
        credentials = account[protocol]["sasl"]["xoauth2"]
        assert credentials["username"] == user
        assert credentials["token"]["command"][-2:] == ["token", name]
    assert account["imap"]["server"] == "imaps://outlook.office365.com:993"
    assert account["smtp"] == {**account["smtp"], "server": "smtp://smtp.office365.com:587", "starttls": True}


@pytest.mark.parametrize(
    ("says", "wanted"),
    [
        ("aerc 0.14.0", "smtp-starttls = yes"),
        ("aerc 0.20.0 +notmuch", "#smtp-starttls = yes"),
        ("", "#smtp-starttls = yes"),
    ],
)
def test_an_old_aerc_is_told_to_secure_what_it_sends(
    world: World, monkeypatch: pytest.MonkeyPatch, says: str, wanted: str
) -> None:
    """The aerc that is here gets the line if it cannot do without; later ones complain of it, so they do not."""
    path = world.root / "programs" / "aerc"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\necho {says}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent))

    text = recipes.render("aerc", targets.defaults(ALICE))

    assert [found for found in text.splitlines() if "smtp-starttls" in found] == [wanted]


def test_emacs_is_told_nothing_that_it_finds_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without certificates it keeps to its own list; where the usual store is found it needs no variable."""
    assert world
    monkeypatch.setattr(template_values, "certificates", lambda: None)
    monkeypatch.delenv("XDG_DATA_HOME")

    text = recipes.render("emacs", targets.defaults(ALICE))

    assert "gnutls-trustfiles" not in text
    assert "(append nil process-environment)" in text
    assert "OFFLINEIMAP_M365_HOME" not in text
