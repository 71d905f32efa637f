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


def test_the_list_is_current() -> None:
    """Who changes a message reads it in the list: python -m tests.messages >tests/results/messages.md."""
    assert LIST.read_text(encoding="utf-8") == messages.document()


def test_every_message_names_a_remedy() -> None:
    """No error leaves a person alone with the fact."""
    alone = [message.fact for message in messages.messages() if not message.remedy]

    assert alone == []


def test_every_command_that_a_message_names_exists() -> None:
    """A remedy that is copied into a shell runs: its command is one of ours."""
    text = messages.document()

    named = set(re.findall(rf"{errors.COMMAND} ([a-z][a-z-]+)", text))

    assert named <= known_commands() | {"process", "again", "is"}


def test_messages_are_calm() -> None:
    """No exclamation mark, no "please", no end stop after the fact."""
    result = messages.messages()

    assert len(result) > 60
    assert not re.search(r"(?i)\bplease\b|!(?!=)", "".join(message.fact + message.remedy for message in result))
    assert [message.fact for message in result if message.fact.endswith(".")] == []
