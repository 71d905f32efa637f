"""Commands of PowerShell for an administrator: nothing in an address runs as a command."""

from __future__ import annotations

import pytest

from offlineimap_m365.knowledge import powershell

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("alice@example.org", "alice@example.org"),
        ("o'brien@example.org", "'o''brien@example.org'"),
        ("a;b", "'a;b'"),
        ("@x", "'@x'"),
        ("$x", "'$x'"),
        ("", "''"),
        ("-WhatIf", "'-WhatIf'"),
        *((f"o{quote};x", f"'o{quote}{quote};x'") for quote in "\u2018\u2019\u201a\u201b"),
    ],
)
def test_a_word_is_quoted_unless_it_is_plain(text: str, word: str) -> None:
    """Single quotes are doubled, typographic ones too: PowerShell ends a text with each of them."""
    assert powershell.quoted(text) == word
