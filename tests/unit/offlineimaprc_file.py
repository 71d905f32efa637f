"""
The shipped sample-offlineimaprc, filled in for Alice, to be changed, checked and mended.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from offlineimap_m365.doctor import offlineimaprc
from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.plugin import stub
from tests import unified_diff
from tests.sample import SAMPLE, fill_in
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from pathlib import Path

    from offlineimap_m365.doctor.check import Check
    from tests.world import World

BOB = "bob@example.org"
EVAL = 'oauth2_access_token_eval = get_access_token("%(remoteuser)s", 1800)'
REMOTE, LOCAL = "[Repository work-remote]", "[Repository work-local]"
FILTER = "folderfilter = folderfilter"
JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL291dGxvb2sub2ZmaWNlLmNvbSJ9.c2lnbmF0dXJl"
GRANT = "0.AXkAq3F7x0mHdEOTZ4" + "x" * 30 + "." + "AgABAwEAAAApTwJmzXqdR4BN2miheQMYA" + "y" * 60
SECRETS = (JWT, GRANT, "hunter2", "abcDEF~123456789")


@dataclasses.dataclass
class OfflineimaprcFile:
    """An offlineimaprc at *path*, and the subjects of the checks before it."""

    path: Path
    subjects: list[Subject]
    offline: bool = True
    runs: bool = False

    @property
    def text(self) -> str:
        """The text of the file."""
        return self.path.read_bytes().decode("utf-8")

    def write(self, text: str) -> None:
        """Write *text* to the file."""
        self.path.write_bytes(text.encode("utf-8"))
        self.path.chmod(0o600)

    def change(self, old: str, new: str) -> None:
        """Replace the first *old* at the beginning of a line, else the first anywhere, by *new*."""
        found = re.search(rf"^{re.escape(old)}", self.text, re.MULTILINE) or re.search(re.escape(old), self.text)
        assert found
        self.write(self.text[: found.start()] + new + self.text[found.end() :])

    def add(self, section: str, *lines: str) -> None:
        """Add *lines* below the header *section*."""
        self.change(section, "\n".join([section, *lines]))

    def examine(self) -> list[Check]:
        """Return the checks, none of which shows a secret."""
        checks = list(offlineimaprc.examine(self.path, self.subjects, run=self.runs, offline=self.offline))
        shown = json.dumps([check.as_dict() for check in checks]) + "".join(c.diff.shown for c in checks if c.diff)
        assert not [secret for secret in SECRETS if secret[:24] in shown]
        return checks

    def failed(self) -> list[Check]:
        """Return what failed."""
        return [check for check in self.examine() if check.ok is False]

    def diff(self) -> str:
        """Return the diff that mends the file, empty if there is none."""
        return next((check.diff.text for check in self.examine() if check.diff), "")

    def mend(self) -> list[Check]:
        """Apply the diff, after which there is none; return what failed before."""
        failed = self.failed()
        unified_diff.apply(self.diff())
        assert self.diff() == ""
        return failed


def make_offlineimaprc(world: World) -> OfflineimaprcFile:
    """Return the shipped sample, filled in for Alice, who is signed in."""
    invent(ALICE, imap="outlook.office365.com:993")
    values = {
        "you@example.org": ALICE,
        "work": "work",
        "~/.local/share/offlineimap-m365/pythonfile.py": str(stub.write_stub()),
        "~/Mail/work": str(world.root / "mail"),
    }
    config = OfflineimaprcFile(world.root / "offlineimaprc", [Subject(ALICE, ALICE, offline=True)])
    text = fill_in(SAMPLE.read_text(encoding="utf-8"), values)
    config.write(text.replace("/etc/ssl/certs/ca-certificates.crt", str(world.root / "ca.pem")))
    return config


def own_pythonfile(config: OfflineimaprcFile, text: str) -> Path:
    """Write the user's own pythonfile, and name it in the file."""
    own = config.path.parent / "own.py"
    own.write_text(text, encoding="utf-8")
    config.write(re.sub(r"^pythonfile = .*$", f"pythonfile = {own}", config.text, flags=re.MULTILINE))
    return own


def make_maildir(config: OfflineimaprcFile, *folders: str) -> None:
    """Make Maildirs where the file expects them."""
    for folder in folders:
        for part in ("cur", "new", "tmp"):
            (config.path.parent / "mail" / folder / part).mkdir(parents=True)
