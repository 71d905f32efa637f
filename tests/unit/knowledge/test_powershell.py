"""Commands of PowerShell for an administrator: nothing in an address runs as a command."""

from __future__ import annotations

import pytest

from offlineimap_m365.knowledge import powershell

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once


def test_a_word_is_quoted_unless_it_is_plain() -> None:
    """Single quotes are doubled, typographic ones too: PowerShell ends a text with each of them."""
    plain = {"alice@example.org": "alice@example.org"}
    others = {word: f"'{word}'" for word in ("a;b", "@x", "$x", "", "-WhatIf")}
    doubled = {f"o{quote};x": f"'o{quote}{quote};x'" for quote in "'\u2018\u2019\u201a\u201b"}
    words = plain | others | doubled

    assert {word: powershell.quoted(word) for word in words} == words
