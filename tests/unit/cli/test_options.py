"""The list of options is current."""

from __future__ import annotations

from tests import options


def test_the_list_is_current() -> None:
    """A change of the parser is a change of the list: python -m tests.options >docs/options.md."""
    assert options.RESULT.read_text(encoding="utf-8") == options.document()
