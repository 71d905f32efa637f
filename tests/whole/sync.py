"""
A user of OfflineIMAP: signs in, fills in the shipped sample, syncs, and looks at the Maildir.
"""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.m365.exchange.folders import holds_mail
from tests.sample import SAMPLE, fill_in
from tests.whole.mail_user import sign_in_quickly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.whole.builds import Build
    from tests.world import Outcome, World

#: Seconds for one run of OfflineIMAP; most take one.
PATIENCE = 90.0


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
        chevrons = {
            "you@example.org": account,
            "work": "work",
            "~/.local/share/offlineimap-m365/pythonfile.py": str(self.world.home / "pythonfile.py"),
            "~/Mail/work": str(self.maildir()),
        }
        self.rc.write_text(fill_in(SAMPLE.read_text(encoding="utf-8"), chevrons) + also, encoding="utf-8")
        self.rc.chmod(0o600)

    def run(self, *arguments: str, sections: Sequence[str] = ("work",)) -> Outcome:
        """Run OfflineIMAP; host, port and CA of the test bed come through its own ``-k``."""
        return self.world.execute([*self.command(sections), *arguments], timeout=PATIENCE)

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

    @contextlib.contextmanager
    def staying(self) -> Iterator[Callable[[Callable[[], bool]], None]]:
        """Run OfflineIMAP as a process that stays; yield a function that waits until a condition holds."""
        path = self.world.root / "staying.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                self.command(once=False), env=self.world.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

        def wait_for(condition: Callable[[], bool]) -> None:
            end = time.monotonic() + PATIENCE
            while not condition():
                said = path.read_text(encoding="utf-8", errors="replace")
                assert process.poll() is None, f"it ended by itself:\n{said}"
                assert time.monotonic() < end, f"that never came to be:\n{said[-4000:]}"
                time.sleep(0.1)

        try:
            yield wait_for
        finally:
            process.kill()
            process.wait()

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
            if holds_mail(folder)
        }


def letter(subject: str) -> bytes:
    """Return a mail."""
    return f"Subject: {subject}\nMessage-ID: <{subject}@example.org>\n\n{subject}\n".encode()


def plain(message: bytes) -> bytes:
    """Return a message with one kind of line end: a Maildir's are the system's, IMAP's are CRLF."""
    return message.replace(b"\r\n", b"\n")
