"""What a stream can show: columns, characters, colours, and a line that passes."""

from __future__ import annotations

import io
import sys

import pytest

from offlineimap_m365.console import output, prompt
from tests.in_process import Stream
from tests.unit.terminal_output import look

pytestmark = pytest.mark.usefixtures("world")


@pytest.mark.parametrize(
    ("variables", "is_ascii"),
    [
        ({"LC_ALL": "C"}, True),
        ({}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # as Python itself makes it
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "C.UTF-8"}, False),
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, False),
    ],
)
def test_the_locale_says_what_can_be_shown(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_ascii: bool
) -> None:
    """In the locales C and POSIX there is ASCII only, though Python writes UTF-8 there; who asks for more gets it."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert output.can_show("✓", Stream(is_terminal=True)) is not is_ascii


def test_our_own_characters_are_spelt_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an encoding has them not, marks, dots and quotation marks have a spelling; names keep their letters."""
    text = "✓ ✗ – … “Müller” O\u2019Brien"  # noqa: RUF001 - the characters in question

    assert output.spelled(text, Stream(is_terminal=True, encoding="latin-1")) == 'ok !! -- ... "Müller" O\u2019Brien'
    assert output.spelled(text, Stream(is_terminal=True)) == text
    assert not output.can_show("✓", None)
    monkeypatch.setattr(sys, "stderr", screen := Stream(is_terminal=True, encoding="ascii"))
    prompt.say("under “Mobile”…")
    assert screen.text == 'under "Mobile"...\n'


def test_the_width_is_the_terminals_unless_the_person_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """$COLUMNS counts if it is a number of at most five digits; a terminal that does not tell has 80."""
    stream = look(monkeypatch, 33)
    for text, columns in {"33": 33, "100000": 80, "-5": 80, "wide": 80, "": 80, "٨": 80}.items():
        monkeypatch.setenv("COLUMNS", text)

        assert output.width(stream) == columns
    assert output.width(io.StringIO()) == output.ENDLESS


@pytest.mark.parametrize(
    ("term", "shown"), [("xterm", "\rfirst\ra second one that…\x1b[K\r\x1b[K"), ("dumb", ""), (None, "")]
)
def test_a_passing_line_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, term: str | None, shown: str) -> None:
    """It is cut to the terminal, shown once per text and taken back; a pipe or a dumb terminal shows nothing."""
    screen = look(monkeypatch, 20)
    monkeypatch.setenv("TERM", term or "xterm")
    pipe = io.StringIO()
    line = output.Passing(screen if term else pipe)

    for text in ("first", "first", "a second one that is much too long"):
        line.show(text)
    line.clear()
    line.clear()

    assert (screen.text, pipe.getvalue()) == (shown, "")
