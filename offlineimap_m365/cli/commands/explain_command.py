"""
``explain``: what a code or the text of an error page means; no request.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offlineimap_m365.base import fresh_token
from offlineimap_m365.cli import explain_request
from offlineimap_m365.console import output, prompt
from offlineimap_m365.console.prompt import say

if TYPE_CHECKING:
    import argparse

#: More than this of what ``explain -`` is given is not read, in characters: the longest page has a tenth of it.
_MOST_TEXT = 1 << 20


def run(options: argparse.Namespace) -> int:
    """Print the explanation; raises WrongUsage if nothing is recognised."""
    asked = explain_request.read(options.words, _standard_input)
    return fresh_token.hand_out("\n".join(output.spelled(line, sys.stdout) for line in explain_request.answer(asked)))


def _standard_input() -> str:
    """Return all of standard input, whatever its encoding."""
    if sys.stdin is None:
        return ""
    if prompt.is_there():
        say("Paste the page's text, then press Enter and Ctrl-D:")
    return sys.stdin.buffer.read(_MOST_TEXT).decode(errors="replace")
