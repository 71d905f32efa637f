"""
mbsync (isync): its quoting, and the folders that it leaves out.

mbsync has no function to ask about a folder, only patterns of names: what ``folders --learn`` found out about the
mailbox, else the names that Exchange gives in English.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors
from offlineimap_m365.folders import folder_filter, learned, patterns, utf7
from offlineimap_m365.recipes.program import Program, in_quotes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.recipes.program import Values

#: What a pattern takes for more than itself; mbsync has no way to quote them (mbsync(1), Patterns).
_WILD = frozenset("*%")
#: The languages whose names are left out also where nothing was learnt: English, and what is the same everywhere.
_USUAL = ("en", None)


def _fill_in(found: Values) -> dict[str, str]:
    """
    Return the values of one mailbox for mbsync: quoted as mbsync(1) says under "Configuration".

    Its paths are its own, since no Maildir can serve two programs. PipelineDepth 1 in the template is what mbsync(1)
    says of Exchange; mutt-wizard#377 saw it needed with outlook.com.
    """
    own = environment.certificates()
    finding = learned.find(found["account"], found["mailbox"])
    return {
        **found,
        "mailbox": in_quotes(found["mailbox"]),
        "token_command": in_quotes(found["token_command"]),
        "maildir": f"~/Mail/mbsync/{found['section']}",
        # Only what the system does not trust by itself belongs there (mbsync(1), CertificateFile).
        "certificate_file": f"CertificateFile {in_quotes(own)}" if own else "# The system's certificates are trusted.",
        "how": "as offlineimap-m365 folders --learn found them."
        if finding
        else f"by their names in English. Elsewhere first run: {errors.COMMAND} folders {found['login']} --learn",
        "patterns": "\n".join(_pattern(name) for name in _unwanted(finding or {})),
    }


def _unwanted(finding: dict[str, list[str]]) -> list[str]:
    """Return the folders of the top level that are no mail, in Unicode."""
    mail = {patterns.key(name) for name in finding.get("mail", [])}
    table = folder_filter.current_table()
    usual = [row["name"] for row in table["names"] if row["kind"] in table["not_mail"] and row["language"] in _USUAL]
    names = [utf7.decode(name) for name in finding.get("not_mail", [])] + usual
    return [name for name in dict.fromkeys(names) if patterns.key(name) not in mail and not _WILD & set(name)]


def _pattern(name: str) -> str:
    """Return the line that leaves the folder *name* out with all below it, as each version spells such a name."""
    return "Patterns " + " ".join(in_quotes(f"!{spelt}{end}") for spelt in _spellings(name) for end in ("", "/*"))


def _spellings(name: str) -> list[str]:
    return list(dict.fromkeys([name, utf7.encode(name)]))


def _head(filled: Sequence[Values]) -> dict[str, str]:
    return {**filled[0], "maildirs": " ".join(found["maildir"] for found in filled)}


#: The programs of this room.
PROGRAMS = (
    Program(
        "mbsync",
        "fetches mail into a Maildir, and syncs back",
        "~/.mbsyncrc",
        _fill_in,
        _head,
        has_many=True,
        version=("mbsync", "--version"),
    ),
)
