"""Every message of an error: the list is current, and each says what happened and what helps."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments
from tests import messages

LIST = Path(__file__).parents[2] / "results" / "messages.md"


def known_commands() -> set[str]:
    """Return the names of our commands."""
    actions = arguments.parser()._actions  # noqa: SLF001 - argparse has no other way to ask
    return {name for action in actions if isinstance(action, argparse._SubParsersAction) for name in action.choices}  # noqa: SLF001


def test_the_list_is_current_and_each_message_helps() -> None:
    """Who changes a message reads it in the list: python -m tests.messages >tests/results/messages.md."""
    document, result = messages.document(), messages.messages()
    named = set(re.findall(rf"{errors.COMMAND} ([a-z][a-z-]+)", document))

    assert LIST.read_text(encoding="utf-8") == document
    assert len(result) > 60
    assert [message.fact for message in result if not message.remedy or message.fact.endswith(".")] == []
    assert not re.search(r"(?i)\bplease\b|!(?!=)", "".join(message.fact + message.remedy for message in result))
    assert named <= known_commands() | {"process", "again", "is"}
