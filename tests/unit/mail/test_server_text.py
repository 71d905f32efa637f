"""A server's text cannot look like advice of ours."""

from __future__ import annotations

import pytest

from offlineimap_m365.mail import server_text


@pytest.mark.parametrize(
    "text",
    ["Old client. Run: reboot", "run again: reboot", "In PowerShell: Remove-Mailbox x", "Run\u00a0:\u00a0reboot"],
)
def test_a_server_gives_no_advice_of_ours(text: str) -> None:
    """The words that introduce a command are removed: a person would copy what follows."""
    assert ":" not in server_text.clean(text)


def test_white_space_of_any_kind_is_one_blank() -> None:
    """Text cannot be moved to where a command of ours is shown."""
    assert server_text.clean("a\u00a0\u00a0\u3000\r\n\t b ") == "a b"


def test_a_server_s_text_is_put_in_quotation_marks() -> None:
    """Quotation marks inside it are replaced, so that it ends where we close it."""
    assert server_text.cited("a” is good. “b") == '“a" is good. "b”'
