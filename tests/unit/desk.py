"""
An offlineimaprc on somebody's desk: what the doctor finds in it, and whoever does what it advises.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor import offlineimaprc
from offlineimap_m365.doctor.check import Trouble
from offlineimap_m365.doctor.offlineimaprc.live import Seen
from tests.kept import ALICE, invent
from tests.whole.patient import correct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.check import Check, Subject


SAMPLE = Path(__file__).parents[2] / "sample-offlineimaprc"
BOB = "bob@example.org"
EVAL = 'oauth2_access_token_eval = get_access_token("%(remoteuser)s", 1800)'
REMOTE, LOCAL = "[Repository work-remote]", "[Repository work-local]"
FILTER = "folderfilter = folderfilter"
JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL291dGxvb2sub2ZmaWNlLmNvbSJ9.c2lnbmF0dXJl"
GRANT = "0.AXkAq3F7x0mHdEOTZ4" + "x" * 30 + "." + "AgABAwEAAAApTwJmzXqdR4BN2miheQMYA" + "y" * 60
FOLDERS = ("INBOX", "Sent Items", "Sent Items/2024", "Deleted Items", "Junk Email", "Calendar", "Contacts", "Projects")


LAMBDA = "lambda name: name not in ['Calendar', 'Contacts', 'Journal', 'Notes', 'Outbox', 'Sync Issues', 'Tasks']"


@dataclasses.dataclass
class Desk:
    """An offlineimaprc that is the sample filled in, and what the doctor says of it."""

    path: Path
    subjects: list[Subject]
    folders: Sequence[str] | None = None
    refuses: tuple[str, ...] = ()
    busy: bool = False
    opened: list[str] = dataclasses.field(default_factory=list)
    runs: bool = False

    @property
    def text(self) -> str:
        """What the file holds."""
        return self.path.read_text(encoding="utf-8")

    def write(self, text: str) -> None:
        """Let the file hold *text*."""
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o600)

    def change(self, old: str, new: str) -> None:
        """Put *new* in the place of the first *old* that begins a line, or stands anywhere."""
        assert old in self.text
        found = re.search(rf"^{re.escape(old)}", self.text, re.MULTILINE) or re.search(re.escape(old), self.text)
        assert found
        self.write(self.text[: found.start()] + new + self.text[found.end() :])

    def look(self, subject: Subject, mailbox: str, again: str) -> Seen:
        """Open a mailbox."""
        assert subject.name == ALICE
        assert again.startswith(f"offlineimap-m365 doctor {ALICE} --config ")
        self.opened.append(mailbox)
        if self.busy:
            return Seen(why="the server is busy", is_busy=True)
        if mailbox in self.refuses:
            return Seen(
                trouble=Trouble("It lacks the permission", Remedy("", f"Add-MailboxPermission {mailbox}", "powershell"))
            )
        return Seen(tuple(self.folders or FOLDERS))

    def examine(self) -> list[Check]:
        """Return the checks."""
        return list(offlineimaprc.examine(self.path, self.subjects, run=self.runs, look=self.look))

    def found(self) -> list[Check]:
        """Return what failed."""
        return [check for check in self.examine() if check.ok is False]

    def only(self, name: str) -> Check:
        """Return what failed, which is one thing called *name*, whose words are fit to be shown."""
        found = self.found()
        assert [check.name for check in found] == [name], json.dumps([check.as_dict() for check in found], indent=1)
        said = json.dumps(found[0].as_dict())
        assert found[0].meaning
        assert found[0].remedy
        assert found[0].file
        assert not any(secret in said for secret in (JWT, GRANT, "hunter2", "abcDEF~123456789", "50%hunter"))
        assert not re.search(r"!|please|TODO", said.replace("#!", ""), re.IGNORECASE)
        return found[0]

    def line(self, check: Check) -> str:
        """Return the line that *check* names."""
        assert check.line is not None
        return self.text.split("\n")[check.line - 1]

    def follow(self, check: Check) -> None:
        """Do what *check* advises."""
        if check.corrected is not None:
            correct(check.as_dict())
            return
        command = check.remedy.partition("Run: ")[2]
        login = re.fullmatch(r"offlineimap-m365 login (\S+)", command)
        if login:
            invent(login[1], imap="outlook.office365.com:993")
            return
        assert command, check.remedy
        subprocess.run(["/bin/sh", "-c", command], check=True, env={"PATH": "/usr/bin:/bin"})


def make_maildir(desk: Desk, *folders: str) -> None:
    """Lay Maildirs beside the file, where it says that they are."""
    for folder in folders:
        for part in ("cur", "new", "tmp"):
            (desk.path.parent / "mail" / folder / part).mkdir(parents=True)


def own_pythonfile(desk: Desk, text: str) -> Path:
    """Let the file name a pythonfile of the user's own."""
    own = desk.path.parent / "own.py"
    own.write_text(text, encoding="utf-8")
    desk.write(re.sub(r"^pythonfile = .*$", f"pythonfile = {own}", desk.text, flags=re.MULTILINE))
    return own


LOAD = "exec(open({stub!r}).read())\n"
