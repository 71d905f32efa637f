"""
A user of OfflineIMAP: signs in, fills in the shipped sample, syncs, and looks at the Maildir.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sign_in import options, sign_in
from tests.world import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.whole.builds import Build
    from tests.world import World

SAMPLE = Path(__file__).parents[2] / "sample-offlineimaprc"
#: Seconds for one run of OfflineIMAP; most take one.
PATIENCE = 90.0
#: What Exchange offers over IMAP that is no mail, by its first component.
NOT_MAIL = ("Calendar", "Contacts", "Tasks", "Notes", "Journal", "Outbox", "Sync Issues")


@dataclasses.dataclass
class Sync:
    """One user with one build; *rc* is their .offlineimaprc, *maildir* where their mail lies."""

    world: World
    entra: Entra
    exchange: Exchange
    build: Build

    @property
    def rc(self) -> Path:
        """The .offlineimaprc."""
        return Path(self.world.environ["HOME"]) / ".offlineimaprc"

    def maildir(self, section: str = "work") -> Path:
        """Return the Maildir of a section."""
        return Path(self.world.environ["HOME"]) / "Mail" / section

    def sign_in(self, account: str = "alice@example.org") -> None:
        """Sign in by the bundled command."""
        done = sign_in(
            self.world,
            self.entra,
            account,
            *options(self.entra, self.exchange.imap_port, self.exchange.smtp_port),
        )
        assert done.code == 0, done.err

    def configure(self, account: str = "alice@example.org", *, also: str = "") -> None:
        """Fill in the shipped sample for *account* and write it; lines of *also* come at the end."""
        self.rc.write_text(fill_in(SAMPLE.read_text(encoding="utf-8"), self.values(account)) + also, encoding="utf-8")
        self.rc.chmod(0o600)

    def values(self, account: str) -> dict[str, str]:
        """Return what the sample's chevrons stand for."""
        return {
            "you@example.org": account,
            "work": "work",
            "~/.local/share/offlineimap-m365/pythonfile.py": str(self.world.home / "pythonfile.py"),
            "~/Mail/work": str(self.maildir()),
        }

    def run(
        self, *arguments: str, sections: Sequence[str] = ("work",), timeout: float = PATIENCE, once: bool = True
    ) -> Outcome:
        """Run OfflineIMAP; host, port and CA of the test bed come through its own ``-k``."""
        return self.world.execute([*self.command(sections, once=once), *arguments], timeout=timeout)

    def command(self, sections: Sequence[str] = ("work",), *, once: bool = True) -> list[str]:
        """Return the command that run() runs."""
        found = [*self.build.offlineimap, "-c", str(self.rc), "-u", "basic", *(["-o"] if once else [])]
        for section in sections:
            remote = f"Repository_{section}-remote"
            for key, value in (
                ("remotehost", "localhost"),
                ("remoteport", str(self.exchange.imap_port)),
                ("sslcacertfile", str(self.entra.ca_file)),
            ):
                found += ["-k", f"{remote}:{key}={value}"]
        return found

    def here(self, section: str = "work") -> dict[str, Counter[bytes]]:
        """Return what lies in the Maildir: folder to its messages."""
        top = self.maildir(section)
        found = {}
        for new in sorted(top.rglob("new")):
            files = [path for name in ("cur", "new") for path in (new.parent / name).iterdir()]
            folder = str(new.parent.relative_to(top))
            found[folder] = Counter(plain(path.read_bytes()) for path in files)
        return found

    def there(self, account: str = "alice@example.org") -> dict[str, Counter[bytes]]:
        """Return what the server holds and is mail."""
        return {
            folder: Counter(plain(message) for message in messages)
            for folder, messages in self.exchange.contents(account).items()
            if folder.split("/")[0] not in NOT_MAIL
        }


def plain(message: bytes) -> bytes:
    """Return a message with one kind of line end: a Maildir's are the system's, IMAP's are CRLF."""
    return message.replace(b"\r\n", b"\n")


def fill_in(sample: str, values: dict[str, str]) -> str:
    """Return the sample with its chevrons replaced; those in comments stay."""
    lines = []
    for line in sample.splitlines():
        if not line.startswith("#"):
            for key, value in values.items():
                line = line.replace(f"<{key}>", value)
            assert not re.search(r"<[^>]*>", line), f"a chevron that nobody replaced: {line}"
        lines.append(line)
    return "\n".join(lines) + "\n"
