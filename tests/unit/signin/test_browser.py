"""Whether there is a browser in which a person can sign in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.signin import browser

if TYPE_CHECKING:
    from tests.world import World


@pytest.mark.parametrize(
    ("command", "found"),
    [("", ""), ("firefox", "firefox"), ("/usr/bin/w3m", ""), ("lynx %s", ""), ("links:firefox", ""), ("true", "true")],
)
def test_text_browsers_never_count(world: World, monkeypatch: pytest.MonkeyPatch, command: str, found: str) -> None:
    """A browser that would take the terminal is none."""
    monkeypatch.setenv("BROWSER", command)

    assert browser.named() == found


def test_ssh_is_not_graphical(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A display that ssh forwards is not the machine before which the person sits."""
    monkeypatch.setattr(sys, "platform", "linux")
    nothing = browser.is_graphical()
    monkeypatch.setenv("DISPLAY", ":0")
    here = browser.is_graphical()
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")

    assert (nothing, here, browser.is_graphical()) == (False, True, False)
