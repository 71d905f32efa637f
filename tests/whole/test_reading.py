"""himalaya 2 cannot be had: what it is told is read by a TOML parser."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.recipes import targets
from tests.whole.mail_user import odd_names

if TYPE_CHECKING:
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

#: Reads TOML: part of Python from 3.11 on, and of pytest before.
TOML: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


@odd_names(200)
def test_toml_gives_back_what_was_meant(world: World, name: str) -> None:
    """However odd the addresses, himalaya's file has mailbox and delegate, and its command has the latter as a word."""
    assert world
    mailbox = f"with.dot.{name}"

    [account] = TOML.loads(recipes.render("himalaya", targets.defaults(name), [mailbox]))["accounts"].values()

    for protocol, user in (("imap", mailbox), ("smtp", name)):
        credentials = account[protocol]["sasl"]["xoauth2"]
        assert credentials["username"] == user
        assert credentials["token"]["command"][-2:] == ["token", name]
    assert account["imap"]["server"] == "imaps://outlook.office365.com:993"
    assert account["smtp"] == {**account["smtp"], "server": "smtp://smtp.office365.com:587", "starttls": True}
