"""
Programs that fetch mail into a Maildir.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.recipes import values
from offlineimap_m365.recipes.program import Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.recipes.program import Values

#: How many mailboxes are synced at the same time: more only share this machine's connection, and Exchange throttles.
_AT_ONCE = 4


def sample() -> str:
    """Return the shipped ``sample-offlineimaprc``: OfflineIMAP's recipe with what differs per user in chevrons."""
    chevrons = {
        "account": "<you@example.org>",
        "login": "<you@example.org>",
        "section": "<work>",
        "mailbox": "<you@example.org>",
        "pythonfile": "<~/.local/share/offlineimap-m365/pythonfile.py>",
        "maildir": "<~/Mail/work>",
        "imap_host": "outlook.office365.com",
        "imap_port": "993",
        "certificates": values.CERTIFICATES[0],
    }
    return _OFFLINEIMAP.fill([chevrons])


def _for_offlineimap(found: Values) -> dict[str, str]:
    """Return values for Python's ConfigParser, which OfflineIMAP reads its file with; *asked* is Python in it."""
    name = found["account"]
    literal = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    is_own = found["mailbox"].lower() == name.lower() and literal == f'"{name}"'
    quoted = {key: value if key == "login" else value.replace("%", "%%") for key, value in found.items()}
    quoted["asked"] = '"%(remoteuser)s"' if is_own else literal.replace("%", "%%")
    quoted["certificates"] = quoted["certificates"] or "OS-DEFAULT"
    return quoted


def _offlineimap_head(filled: Sequence[Values]) -> dict[str, str]:
    """Return what is about all mailboxes: their sections, and how many are synced at once."""
    count = len(filled)
    many = "" if count == 1 else f"\n# So many mailboxes at once.\nmaxsyncaccounts = {min(count, _AT_ONCE)}"
    return {**filled[0], "sections": ", ".join(found["section"] for found in filled), "many": many}


_OFFLINEIMAP = Program(
    "offlineimap",
    "fetches mail into a Maildir",
    "~/.offlineimaprc",
    _for_offlineimap,
    _offlineimap_head,
    has_many=True,
)

#: The programs of this room.
PROGRAMS = (_OFFLINEIMAP,)
