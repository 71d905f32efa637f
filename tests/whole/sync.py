"""
A user of OfflineIMAP: signs in, fills in the shipped sample, syncs, and looks at the Maildir.
"""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sample import SAMPLE, fill_in
from tests.whole.mail_user import sign_in_quickly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.whole.builds import Build
    from tests.world import Outcome, World

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

    def sign_in(self) -> None:
        """Sign Alice in, without the pages."""
        sign_in_quickly(self.world, self.entra, exchange=self.exchange)

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
        found += ["-k", "general:fsync=False"]  # for speed
        for section in sections:
            remote = f"Repository_{section}-remote"
            for key, value in (
                ("remotehost", "localhost"),
                ("remoteport", str(self.exchange.imap_port)),
                ("sslcacertfile", str(self.entra.ca_file)),
            ):
                found += ["-k", f"{remote}:{key}={value}"]
        return found

    def start(self, sections: Sequence[str] = ("work",)) -> Running:
        """Start OfflineIMAP as a process that stays."""
        return Running(self.command(sections, once=False), self.world)

    def in_maildir(self, section: str = "work") -> dict[str, Counter[bytes]]:
        """Return what lies in the Maildir: folder to its messages."""
        top = self.maildir(section)
        found = {}
        for new in sorted(top.rglob("new")):
            files = [path for name in ("cur", "new") for path in (new.parent / name).iterdir()]
            folder = str(new.parent.relative_to(top))
            found[folder] = Counter(plain(path.read_bytes()) for path in files)
        return found

    def on_server(self, account: str = "alice@example.org") -> dict[str, Counter[bytes]]:
        """Return what the server holds and is mail."""
        return {
            folder: Counter(plain(message) for message in messages)
            for folder, messages in self.exchange.contents(account).items()
            if folder.split("/")[0] not in NOT_MAIL
        }


def letter(subject: str) -> bytes:
    """Return a mail."""
    return f"Subject: {subject}\nMessage-ID: <{subject}@example.org>\n\n{subject}\n".encode()


class Running:
    """An OfflineIMAP that stays until the ``with`` statement ends; what it prints goes to a file."""

    def __init__(self, command: Sequence[str], world: World) -> None:
        """Start it."""
        self._log = world.root / "staying.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=world.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            said = self._log.read_text(encoding="utf-8", errors="replace")
            assert self._process.poll() is None, f"it ended by itself:\n{said}"
            assert time.monotonic() < end, f"that never came to be:\n{said[-4000:]}"
            time.sleep(0.2)


def plain(message: bytes) -> bytes:
    """Return a message with one kind of line end: a Maildir's are the system's, IMAP's are CRLF."""
    return message.replace(b"\r\n", b"\n")
