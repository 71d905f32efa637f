"""
The shipped sample-offlineimaprc, filled in for Alice, to be changed, checked and mended.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.doctor import offlineimaprc
from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.folders import learned
from offlineimap_m365.plugin import stub
from tests import unified_diff
from tests.sample import SAMPLE, fill_in
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check
    from tests.world import World

BOB = "bob@example.org"
EVAL = 'oauth2_access_token_eval = get_access_token("%(remoteuser)s", 1800)'
REMOTE, LOCAL = "[Repository work-remote]", "[Repository work-local]"
FILTER = "folderfilter = folderfilter"
JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL291dGxvb2sub2ZmaWNlLmNvbSJ9.c2lnbmF0dXJl"
GRANT = "0.AXkAq3F7x0mHdEOTZ4" + "x" * 30 + "." + "AgABAwEAAAApTwJmzXqdR4BN2miheQMYA" + "y" * 60
CLIENT_SECRET = "abc8Q~DEFghiJKLmno.PQRstuVWXyz0123456789a"
SECRETS = (JWT, GRANT, CLIENT_SECRET, "hunter2", "abcDEF~123456789")
CASES = Path(__file__).parents[1] / "data" / "cases"
PEOPLE = json.loads((CASES / "people.json").read_text(encoding="utf-8"))
EXPECTED = json.loads((CASES / "rc" / "expect.json").read_text(encoding="utf-8"))
WAYS = json.loads((CASES / "ways.json").read_text(encoding="utf-8"))


@dataclasses.dataclass
class OfflineimaprcFile:
    """An offlineimaprc at *path*, and the subjects of the checks before it."""

    path: Path
    subjects: list[Subject]
    offline: bool = True
    runs: bool = False
    left: list[Check] = dataclasses.field(default_factory=list)

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
        return diff_of(self.examine())

    def mend(self) -> list[Check]:
        """Apply the diff, after which there is none; return what failed before, and keep what fails now in *left*."""
        checks = self.examine()
        unified_diff.apply(diff_of(checks))
        after = self.examine()
        assert diff_of(after) == ""
        self.left = [check for check in after if check.ok is False]
        return [check for check in checks if check.ok is False]


def diff_of(checks: list[Check]) -> str:
    """Return the diff that *checks* carry."""
    return next((check.diff.text for check in checks if check.diff), "")


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


def place_case(world: World, name: str) -> OfflineimaprcFile:
    """Return the case *name* with its files and with who is signed in."""
    for person, kind in EXPECTED[name].get("people", PEOPLE).items():
        tenant = learned.PERSONAL_TENANT if kind == "personal" else "11111111-1111-4222-8333-444444444444"
        invent(profiles.clean_name(person), imap="outlook.office365.com:993", tenant=tenant)
    pythonfile = stub.write_stub() if EXPECTED[name].get("people", PEOPLE) else stub.stub_path()
    for source in (CASES / "rc").glob(f"{name}.*"):
        text = source.read_text(encoding="utf-8").replace("@DIR@", str(world.root)).replace("@STUB@", str(pythonfile))
        (world.root / source.name).write_text(text.replace("@CA@", str(world.root / "ca.pem")), encoding="utf-8")
        (world.root / source.name).chmod(0o600)
    return OfflineimaprcFile(world.root / f"{name}.rc", [])


def broken(name: str) -> tuple[str, str, str]:
    """Return the text that a way to break the sample replaces, the new text, and how the line begins that is found."""
    values = {"@ALICE@": ALICE, "@JWT@": JWT, "@GRANT@": GRANT, "@MODULE@": str(stub.__file__)}
    texts = [re.sub(r"@[A-Z]+@", lambda match: values[match[0]], text) for text in WAYS[name]]
    return texts[0], texts[1], texts[2] if len(texts) > 2 else texts[1].splitlines()[0]
