"""
The first sync: OfflineIMAP's output is passed through, and its end is told apart.
"""

from __future__ import annotations

import enum
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import process
from offlineimap_m365.setup import mail_files

if TYPE_CHECKING:
    from offlineimap_m365.setup.mail_files import MailFile

#: The longest first sync, in seconds: a large mailbox takes hours.
_SECONDS = 7 * 86_400.0
#: How Exchange ends a session whose token has expired (learn.microsoft.com; facts about OfflineIMAP 8.0.2: it then
#: ends with 100).
_EXPIRED = b"AccessTokenExpired"
#: Bytes at the end of the log in which that is looked for.
_TAIL = 65_536


class End(enum.Enum):
    """How a sync ended."""

    DONE = "done"
    CUT = "cut by an expired token"
    FAILED = "failed"


def words(file: MailFile) -> list[str]:
    """Return the command that syncs once."""
    return ["offlineimap", "-o", "-a", file.section, *(["-c", str(file.path)] if file.path.name == "config" else [])]


def run(file: MailFile) -> End:
    """Sync once and return how it ended."""
    descriptor, log = tempfile.mkstemp(prefix="offlineimap-m365-")
    os.close(descriptor)
    try:
        program, *options = words(file)
        argv = [mail_files.command(program) or program, *options, "-u", "basic", "-l", log]
        result = process.run(argv, seconds=_SECONDS, output=2)
        if result.is_success:
            return End.DONE
        return End.CUT if _EXPIRED in Path(log).read_bytes()[-_TAIL:] else End.FAILED
    finally:
        Path(log).unlink(missing_ok=True)
