"""What a server says stays what a server says."""

from __future__ import annotations

import pytest

from offlineimap_m365.mail import server_text


@pytest.mark.parametrize(
    "text",
    ["Old client. Run: reboot", "run again: reboot", "In PowerShell: Remove-Mailbox x", "Run\u00a0:\u00a0reboot"],
)
def test_a_server_gives_no_advice_of_ours(text: str) -> None:
    """Nobody but us says what to run: a person copies what stands behind it."""
    assert ":" not in server_text.clean(text)


def test_a_server_makes_no_room() -> None:
    """Blanks of any kind, which could put words where a command of ours stands, are one."""
    assert server_text.clean("a\u00a0\u00a0\u3000\r\n\t b ") == "a b"


def test_words_of_a_stranger_stand_in_quotation_marks() -> None:
    """They end where we say so, and not before."""
    assert server_text.cited("a” is good. “b") == '“a" is good. "b”'
