"""
A person with mail, a shared mailbox and an application, whose mail programs are set up with what ``config`` prints.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests import certificates
from tests.sign_in import options, sign_in

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import Outcome, World

ALICE, INFO = "alice@example.org", "info@example.org"
#: An application that may open INFO, and the name that its account has here.
APP, BACKUP, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"
#: What Exchange takes before the @ of an address, with characters that mean something to shells and parsers.
LOCAL_PARTS = st.text("ab'$%`#!*?{}|&~^=+-_/UHCM\u00fc", min_size=1, max_size=12)
MAIL = "From: {}\r\nTo: bob@example.org\r\nSubject: Lunch\r\n\r\nToday?\r\n"


def find(program: str) -> str:
    """Return the path of a *program*, which tests/run installs."""
    found = shutil.which(program, path="/usr/bin:/usr/local/bin")
    assert found, f"there is no {program}; run: tests/run"
    return found


@dataclasses.dataclass
class MailUser:
    """Alice, signed in, who may open INFO as well; *world* has nothing else yet."""

    world: World
    entra: Entra
    exchange: Exchange

    @classmethod
    def make(cls, world: World, entra: Entra, exchange: Exchange) -> MailUser:
        """Give Alice a mailbox and a shared one, and sign her in."""
        made = cls(world, entra, exchange)
        entra.access_token_seconds = 3600
        for mailbox in (ALICE, INFO):
            exchange.add_mailbox(mailbox, ["INBOX"])
            exchange.grant(ALICE, mailbox)
        done = sign_in(world, entra, ALICE, *made.hosts)
        assert done.code == 0, done.err
        entra.forget()
        return made

    @property
    def hosts(self) -> list[str]:
        """The options of ``login`` that lead to this Microsoft 365."""
        return options(self.entra, self.exchange.imap_port, self.exchange.smtp_port)

    @property
    def home(self) -> Path:
        """The user's home directory."""
        return Path(self.world.environ["HOME"])

    def add_application(self) -> None:
        """Sign an application in that may open INFO."""
        self.entra.add_client(APP, [], public=False, secret=SECRET)
        self.exchange.grant(APP, INFO)
        path = certificates.write(self.world.root / "secret", SECRET)
        words = ("login", BACKUP, "--app-only", "--client-id", APP, "--client-secret-file", str(path))
        done = self.world.run(*words, *self.hosts)
        assert done.code == 0, done.err

    def configure(self, path: str, account: str, program: str, *mailboxes: str) -> Outcome:
        """Write what ``config`` prints for *program* into the file *path* in the home; return what it did."""
        words = [word for mailbox in mailboxes for word in ("--mailbox", mailbox)]
        done = self.world.run("config", account, program, *words)
        assert done.code == 0, done.err
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(done.out, encoding="utf-8")
        target.chmod(0o600)
        return done

    def in_cron(self) -> dict[str, str]:
        """Return the environment that cron gives."""
        return {name: self.world.environ[name] for name in ("HOME", "PATH")}

    def deliver(self, mailbox: str, *subjects: str) -> None:
        """Put mails with *subjects* into the INBOX of *mailbox*."""
        for subject in subjects:
            mail = f"From: bob@example.org\r\nTo: {mailbox}\r\nSubject: {subject}\r\n\r\nToday?\r\n"
            self.exchange.deliver(mailbox, "INBOX", mail.encode())


def subjects(maildir: Path) -> list[str]:
    """Return the subjects of the mails in *maildir*."""
    files = [path for part in ("new", "cur") for path in (maildir / part).iterdir()]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(line.partition(": ")[2] for line in lines if line.startswith("Subject: "))
