"""Every message of an error, read out of the code that raises it, says what happened and what helps."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

from offlineimap_m365.cli import arguments
from tests import messages

SOURCES = list(messages.PACKAGE.rglob("*.py"))
RAISED = [call for path in SOURCES for call in messages.raised(path)]


def test_the_list_is_current() -> None:
    """Who changes a message reads it in the list, the only place that holds the wording."""
    listed = Path(__file__).parents[2] / "results/messages.md"

    assert listed.read_text(encoding="utf-8") == messages.document()


def test_each_message_is_calm_and_names_a_remedy() -> None:
    """A fact without an end stop, no exclamation mark, no "please", and what helps."""
    alone = [ast.unparse(call) for call in RAISED if "remedy" not in {word.arg for word in call.keywords}]
    texts = [node.value for call in RAISED for node in ast.walk(call) if isinstance(node, ast.Constant)]

    assert len(RAISED) > 60
    assert alone == []
    assert not re.search(r"(?i)\bplease\b|!", "".join(text for text in texts if isinstance(text, str)))
    assert [fact for call in RAISED if (fact := ast.unparse(call.args[0])).rstrip("'\"").endswith(".")] == []


def test_every_command_that_a_message_names_exists() -> None:
    """A remedy that is copied into a shell runs: its command is one of ours."""
    actions = arguments.parser()._actions  # noqa: SLF001 - argparse has no other way to ask
    known = {name for action in actions if isinstance(action, argparse._SubParsersAction) for name in action.choices}  # noqa: SLF001

    named = set(
        re.findall(r"\{(?:errors\.)?COMMAND\} ([a-z][a-z-]+)", "".join(path.read_text("utf-8") for path in SOURCES))
    )

    assert {"login", "doctor", "status"} < named
    assert named <= known | {"process", "again", "and", "is"}
