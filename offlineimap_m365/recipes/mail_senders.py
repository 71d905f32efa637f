"""
Programs that send mail.
"""

from __future__ import annotations

import re
import shlex
import shutil
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.recipes.program import Program, in_quotes

if TYPE_CHECKING:
    from offlineimap_m365.recipes.program import Values

#: What msmtp 1.8 puts something else in place of in ``from``; it has no way to quote them (its manual, "from").
_MSMTP_PATTERNS = re.compile(r"%[UHCM]")


def _for_msmtp(found: Values) -> dict[str, str]:
    """Return values for msmtp, which takes one pair of quotes round a value away and knows no escapes."""
    pattern = _MSMTP_PATTERNS.search(found["mailbox"])
    if pattern:
        raise errors.WrongUsage(
            f"{found['mailbox']} cannot be msmtp's from: it puts something else in place of {pattern[0]}",
            remedy="Leave that line out, and give msmtp the address with -f",
        )
    names = ("account", "user", "mailbox", "certificates")
    quoted = {key: f'"{value}"' if key in names and '"' in value else value for key, value in found.items()}
    quoted["certificates"] = quoted["certificates"] or "system"
    return quoted


def _for_git(found: Values) -> dict[str, str]:
    """Return values for a file of git's (git-config(1), Syntax): quoted, backslashes before quotes and backslashes."""
    program = shutil.which("msmtp") or "msmtp"
    command = shlex.join([program, "-a", found["section"]])
    return {**found, "sendmail": in_quotes(command), "mailbox": in_quotes(found["mailbox"])}


#: The programs of this room.
PROGRAMS = (
    Program("msmtp", "sends mail", "~/.msmtprc", _for_msmtp, has_many=True, version=("msmtp", "--version")),
    Program(
        "git-send-email",
        "sends patches, through msmtp",
        "~/.gitconfig",
        _for_git,
        has_many=True,
        is_private=False,
        version=("git", "--version"),
    ),
)
