"""
``explain``: what a code or the text of an error page means; no request.
"""

from __future__ import annotations

import argparse
import sys

from offlineimap_m365.base import fresh_token
from offlineimap_m365.cli import explain_request
from offlineimap_m365.console import output, prompt
from offlineimap_m365.console.prompt import say

#: How many bytes of standard input are read; the longest page has a tenth of that.
_MOST_TEXT = 1 << 20


def run(options: argparse.Namespace) -> int:
    """Print the explanation; raises WrongUsage if nothing is recognised."""
    answer = explain_request.answer(explain_request.read(options.words, _standard_input))
    lines = [line for text in answer.lines for line in output.wrapped(text, sys.stdout)]
    if answer.remedy and answer.remedy.text:
        command = answer.remedy.command
        lines += output.wrapped(answer.remedy.text.removesuffix(command or ""), sys.stdout, command=command)
    if answer.letter:
        lines += ["", *answer.letter.splitlines()]
    return fresh_token.hand_out("\n".join(output.spelled(line, sys.stdout) for line in lines))


def _standard_input() -> str:
    """Return all of standard input, whatever its encoding."""
    if sys.stdin is None:
        return ""
    if prompt.is_there():
        say("Paste the page's text, then press Enter and Ctrl-D:")
    return sys.stdin.buffer.read(_MOST_TEXT).decode(errors="replace")
