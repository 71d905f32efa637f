"""Whether there is a browser in which a person can sign in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offlineimap_m365.signin import browser

if TYPE_CHECKING:
    import pytest

    from tests.world import World


def test_text_browsers_never_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that would take the terminal is none."""
    for command in ("", "firefox", "true", "/usr/bin/w3m", "lynx %s", "links:firefox"):
        monkeypatch.setenv("BROWSER", command)

        assert browser.named() == (command if command in ("firefox", "true") else "")


def test_ssh_is_not_graphical(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A display that ssh forwards is not the machine before which the person sits."""
    monkeypatch.setattr(sys, "platform", "linux")
    nothing = browser.is_graphical()
    monkeypatch.setenv("DISPLAY", ":0")
    here = browser.is_graphical()
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")

    assert (nothing, here, browser.is_graphical()) == (False, True, False)
