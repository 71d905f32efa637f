"""
A keyring in memory, instead of the child process that asks a real one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.stores import keyring

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


@dataclasses.dataclass
class FakeKeyring:
    """
    Secrets (*items*) by their user's name; *asked* are the actions so far.

    While it *is_locked* every action is refused, as ``keyring.ask`` does; it locks itself at the action *locks_at*.
    *spoil* changes each secret that is written.
    """

    items: dict[str, str] = dataclasses.field(default_factory=dict)
    asked: list[str] = dataclasses.field(default_factory=list)
    is_locked: bool = False
    spoil: Callable[[str], str] = str
    locks_at: str = ""

    def ask(self, action: str, account: str, user: str, secret: str = "") -> str | None:
        """Answer as the child does."""
        self.asked.append(action)
        self.is_locked = self.is_locked or action == self.locks_at
        if self.is_locked:
            raise keyring.trouble("locked", "", account)
        if action == "write":
            self.items[user] = self.spoil(secret)
        if action == "delete":
            self.items.pop(user, None)
        return self.items.get(user)


def install(monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    """Let every store ``keyring`` of this process use a fake one, and return it."""
    made = FakeKeyring()
    monkeypatch.setattr(keyring, "ask", made.ask)
    return made
