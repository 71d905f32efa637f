"""
Emacs: sending by smtpmail, with a token from auth-source; Gnus, and mu4e, which lets another program fetch.

No shell is asked and nothing is looked for in PATH, which an Emacs from a dock does not have.
"""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

from offlineimap_m365.recipes.program import Program, fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.recipes.program import Values


def _for_emacs(found: Values) -> dict[str, str]:
    """
    Return values as Lisp's strings without their quotes.

    *command* is a list's content, *environment* a list, *trust* what adds the certificates to those that are trusted.
    """
    words = shlex.split(found["token_command"])
    environment = words[1:2] if words[0] == "env" else []
    quoted = {key: value if key == "login" else _escape(value) for key, value in found.items()}
    quoted["command"] = _strings(words[2:] if environment else words)
    quoted["environment"] = f"'({_strings(environment)})" if environment else "nil"
    trusted = quoted["certificates"]
    add = f"(require 'gnutls)\n(add-to-list 'gnutls-trustfiles \"{trusted}\")"
    quoted["trust"] = add if trusted else ";; Certificates are those that Emacs finds."
    return quoted


def _for_gnus(found: Values) -> dict[str, str]:
    """Return the same with *sending*, what Emacs is told anyway."""
    quoted = _for_emacs(found)
    return {**quoted, "sending": fill("emacs", quoted)}


def _for_mu4e(found: Values) -> dict[str, str]:
    """Return the same with *offlineimap*, the command by its whole path."""
    quoted = _for_gnus(found)
    quoted["offlineimap"] = _escape(shlex.quote(shutil.which("offlineimap") or "offlineimap"))
    return quoted


def _strings(words: Sequence[str]) -> str:
    return " ".join(f'"{_escape(word)}"' for word in words)


def _escape(text: str) -> str:
    """Return *text* as it stands in a string of Lisp (Emacs Lisp manual, "Syntax for Strings")."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


_FILE, _VERSION = "~/.emacs.d/init.el", ("emacs", "--version")

#: The programs of this room.
PROGRAMS = (
    Program("emacs", "sends mail by smtpmail", _FILE, _for_emacs, is_private=False, version=_VERSION),
    Program("gnus", "reads and sends mail in Emacs", _FILE, _for_gnus, is_private=False, version=_VERSION),
    Program("mu4e", "reads mail in Emacs that offlineimap fetches", _FILE, _for_mu4e, is_private=False),
)
