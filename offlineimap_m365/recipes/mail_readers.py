"""
Programs in a terminal that a person reads and writes mail with.

Each opens the mailbox on the server, and sends: Exchange keeps a copy of what is sent through it in Sent Items by
itself (Exchange Team Blog, 2018-04-20), so none of them is told to keep another.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from offlineimap_m365.recipes import limits
from offlineimap_m365.recipes.program import Program

if TYPE_CHECKING:
    from offlineimap_m365.recipes.program import Values

#: What has a meaning between double quotes of a muttrc (mutt's manual, "Syntax of Initialization Files").
_MUTT_SPECIAL = re.compile(r'[\\"$`]')
#: What go-ini, which aerc reads its file with, takes as it stands; ``#`` and ``;`` begin a comment anywhere.
_INI_PLAIN = re.compile(r"[^\s\"'`#;\\][^#;]*")
#: What may stand before the @ of an address without quotes (RFC 5322 §3.2.3, RFC 6532 §3.2).
_DOT_ATOM = re.compile(r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+(\.[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+)*")


def _for_mutt(found: Values) -> dict[str, str]:
    """Return values as they are written between double quotes; *login_url* and *sender* are for an URL and a header."""
    values = {**found, "login_url": quote(found["user"], safe=""), "sender": _addr_spec(found["mailbox"])}
    return {key: value if key == "login" else _escape(value) for key, value in values.items()}


def _for_neomutt(found: Values) -> dict[str, str]:
    """Return the same for neomutt, whose certificates stand in a command that is itself between double quotes."""
    quoted = _for_mutt(found)
    return {**quoted, "certificates": _escape(quoted["certificates"])}


def _escape(value: str) -> str:
    return _MUTT_SPECIAL.sub(lambda match: "\\" + match[0], value)


def _for_aerc(found: Values) -> dict[str, str]:
    """
    Return values for aerc: *imap_user* and *login_url* as they stand in its addresses, the rest for go-ini.

    go-ini also puts another key in the place of ``%(key)s``, with no way to quote it: the shell gets the two
    characters in two pieces, which it joins. *starttls* is a comment unless the aerc of this machine needs it: since
    0.15 it is no setting any more, and a complaint of it covers the screen (its CHANGELOG; measured with 0.20.0).
    """
    line = "smtp-starttls = yes"
    return {
        **found,
        "starttls": line if limits.is_older(_AERC, "0.15") else f"#{line}",
        "imap_user": quote(found["mailbox"], safe=""),
        "login_url": quote(found["user"], safe=""),
        "sender": _for_ini(f"<{_addr_spec(found['mailbox'])}>"),
        "token_command": _for_ini(found["token_command"].replace("%(", "%''(")),
    }


def _for_ini(value: str) -> str:
    """Return *value* as go-ini reads it back: between backticks, of which the last one counts, if it is not plain."""
    return value if _INI_PLAIN.fullmatch(value) else f"`{value}`"


def _addr_spec(address: str) -> str:
    """Return *address* as it stands in a header, with what is before its @ in quotes where it must be."""
    local, at, domain = address.rpartition("@")
    if not at or _DOT_ATOM.fullmatch(local):
        return address
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"@{domain}'


def _for_himalaya(found: Values) -> dict[str, str]:
    """Return values as TOML's strings, quotes included, whose escapes are JSON's; hosts stand in strings already."""
    hosts = ("imap_host", "imap_port", "smtp_host", "smtp_port", "login")
    quoted = {key: value if key in hosts else _toml(value) for key, value in found.items()}
    words = shlex.split(found["token_command"])
    quoted["token_command"] = f"[{', '.join(_toml(word) for word in words)}]"
    return quoted


def _toml(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


_AERC = Program(
    "aerc",
    "reads and sends mail in a terminal",
    "~/.config/aerc/accounts.conf",
    _for_aerc,
    has_many=True,
    version=("aerc", "-v"),
)

#: The programs of this room.
PROGRAMS = (
    Program("mutt", "reads and sends mail in a terminal", "~/.muttrc", _for_mutt, version=("mutt", "-v")),
    Program("neomutt", "reads and sends mail in a terminal", "~/.config/neomutt/neomuttrc", _for_neomutt),
    _AERC,
    Program(
        "himalaya",
        "reads and sends mail by commands",
        "~/.config/himalaya/config.toml",
        _for_himalaya,
        version=("himalaya", "--version"),
    ),
)
