"""
Programs that fetch mail; mbsync has a room of its own.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.recipes import mbsync, template_values
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
        "certificates": template_values.CERTIFICATES[0],
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


def _for_getmail(found: Values) -> dict[str, str]:
    """
    Return values for getmail's file: Python's RawConfigParser, in it Python for a command, and no quotes for the rest.

    It puts variables of the environment into paths (getmailcore/utilities.py, expand_user_vars). Its Maildir is its
    own, since no Maildir can serve two programs.
    """
    if not found["certificates"]:
        raise errors.Misconfigured(
            "getmail looks at no certificate without a file of those that are trusted, and none was found here",
            remedy=f"Name one: SSL_CERT_FILE=/path/to/ca.pem {errors.COMMAND} config {found['login']} getmail",
        )
    if "$" in found["certificates"]:
        raise errors.WrongUsage(
            f"{found['certificates']} cannot be getmail's ca_certs: it takes what follows a $ for a variable",
            remedy="Name the file by a path without one, in SSL_CERT_FILE",
        )
    words = ", ".join(ascii(word) for word in shlex.split(found["token_command"]))
    return {**found, "maildir": f"~/Mail/getmail/{found['section']}", "token_words": f"({words},)"}


def _for_fetchmail(found: Values) -> dict[str, str]:
    """Return values for fetchmailrc, in whose double quotes any character may be told by its code (fetchmail(1))."""
    file = f' sslcertfile "{_by_code(found["certificates"])}"' if found["certificates"] else ""
    return {**found, "mailbox": _by_code(found["mailbox"]), "certificate_file": file}


def _by_code(text: str) -> str:
    r"""Return *text* with what ends or changes a string of fetchmail's as ``\xhh``: it knows no other escape for it."""
    return "".join(f"\\x{ord(character):02x}" if character in '"\\' else character for character in text)


_OFFLINEIMAP = Program(
    "offlineimap",
    "fetches mail into a Maildir",
    "~/.offlineimaprc",
    _for_offlineimap,
    _offlineimap_head,
    has_many=True,
)

#: The programs of this room.
PROGRAMS = (
    _OFFLINEIMAP,
    *mbsync.PROGRAMS,
    Program("getmail", "fetches mail into a Maildir", "~/.config/getmail/getmailrc", _for_getmail),
    Program(
        "fetchmail",
        "fetches mail for this machine's mail server",
        "~/.fetchmailrc",
        _for_fetchmail,
        version=("fetchmail", "--version"),
    ),
)
