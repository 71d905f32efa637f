"""
The command to run again, as one line of a shell: with what was chosen, without anything secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Commands of the user's that print a secret. They may contain one, so a word stands in their place.
SECRET_COMMANDS = ("client_secret_command", profiles.PASSPHRASE)
#: The options that ``login``, ``import`` and ``consent`` all accept, by the names under which choices are kept.
_OPTIONS = (
    "client_id", "redirect_uri", "tenant", "cloud", "authority", "scope", "store", "imap", "smtp", "identity",
    *profiles.CREDENTIALS, profiles.PASSPHRASE,
)  # fmt: skip


def command_line(command: str, *words: str, chosen: Mapping[str, Any]) -> str:
    """Return our *command* with its *words* and the options for what was *chosen*; ``login`` may be app-only."""
    parts = [errors.COMMAND, command, *map(errors.quoted, words)]
    if command == "login" and chosen.get("app_only"):
        parts.append("--app-only")
    for name in _OPTIONS:
        value = chosen.get(name)
        values = value if isinstance(value, list) else [value] if value else []
        for text in values:
            parts += [f"--{name.replace('_', '-')}", "CMD" if name in SECRET_COMMANDS else errors.quoted(str(text))]
    return " ".join(parts)
