"""
Alice, a mailbox that she shares, and an application that may open it; her mail programs use what ``config`` prints.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pexpect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.plugin import stub
from tests import certificates
from tests.m365.entra import Entra
from tests.m365.exchange import Exchange
from tests.sign_in import PASSWORD, options
from tests.signed_in_accounts import keep
from tests.whole.terminal import product
from tests.world import PATIENCE, World, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    import trustme

ALICE, BOB, INFO = "alice@example.org", "bob@example.org", "info@example.org"
#: An application that may open INFO, and the name that its account has here.
APP, BACKUP, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"
#: What Exchange accepts before the @, with characters that are special in shells and parsers; no hyphen comes first.
LOCAL_PARTS = st.text("ab'$%`#!*?{}|&~^=+-_/UHCM\u00fc", min_size=1, max_size=12)
NAMES = LOCAL_PARTS.map(lambda local: clean_name(f"{local.lstrip('-') or 'x'}@example.org"))
#: The folders in open_mail_user()'s mailboxes beside INBOX; some only look as if they held no mail.
FOLDERS = (
    *("Drafts", "Sent Items", "Deleted Items", "Junk Email"),
    *("Calendar", "Calendar/Birthdays", "Calendars of the team", "INBOX/Notes"),
)


def odd_names(examples: int, names: st.SearchStrategy[str] = NAMES) -> Callable[[Callable[..., None]], Any]:
    """Run a test with so many *examples* of a *name* that parsers and shells may misread."""
    fixtures = [HealthCheck.function_scoped_fixture]
    return lambda test: settings(max_examples=examples, suppress_health_check=fixtures)(given(name=names)(test))


def find(program: str) -> str:
    """Return the path of a *program*, which tests/run installs."""
    found = shutil.which(program, path="/usr/bin:/usr/local/bin")
    assert found, f"there is no {program}; run: tests/run"
    return found


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """Who is asked for a token (*account*), for which *mailbox*, and who signs in to send (*sender*)."""

    name: str
    account: str
    mailbox: str
    sender: str

    def __str__(self) -> str:
        """Return its name, for pytest."""
        return self.name

    @property
    def section(self) -> str:
        """What ``config`` calls the mailbox in a program's file."""
        return self.mailbox.partition("@")[0]


#: One's own mailbox; a shared one, from which a delegate sends; one that an application opens.
ARRANGEMENTS = (
    Arrangement("own", ALICE, ALICE, ALICE),
    Arrangement("shared", ALICE, INFO, ALICE),
    Arrangement("app-only", BACKUP, INFO, INFO),
)


def sign_in_quickly(world: World, entra: Entra, name: str = ALICE, exchange: Exchange | None = None) -> None:
    """Leave in *world* what ``login`` of *name* leaves, without its pages: the account, and the stub of its command."""
    hosts = {"imap": f"localhost:{exchange.imap_port}", "smtp": f"localhost:{exchange.smtp_port}"} if exchange else {}
    with mock.patch.dict(os.environ, world.environ, clear=True):
        keep(entra, name, chosen={"authority": entra.authority, **hosts}, **hosts)
    program = Path(world.command[0])
    python = program if len(world.command) > 1 else program.with_name("python")
    done = world.execute([str(python), "-c", "from offlineimap_m365.plugin import stub; stub.write_stub()"])
    assert done.code == 0, done.err


def sign_in_application(world: World, entra: Entra, exchange: Exchange, *mailboxes: str) -> None:
    """Sign an application in that may open *mailboxes*."""
    entra.add_client(APP, [], public=False, secret=SECRET)
    for mailbox in mailboxes:
        exchange.grant(APP, mailbox)
    path = certificates.write(world.root / "secret", SECRET)
    words = ("login", BACKUP, "--app-only", "--client-id", APP, "--client-secret-file", str(path))
    done = world.run(*words, *options(entra, exchange.imap_port, exchange.smtp_port))
    assert done.code == 0, done.err
    entra.forget()


@dataclasses.dataclass
class MailUser:
    """
    Alice, signed in, who may open INFO too; no mail program is set up yet.

    Tests see what was opened and sent in *exchange*.
    """

    world: World
    entra: Entra
    exchange: Exchange

    @property
    def home(self) -> Path:
        """The user's home directory."""
        return Path(self.world.environ["HOME"])

    def prepare(self, program: str, at: str, arrangement: Arrangement) -> Path:
        """Write what ``config`` prints for *program* into the file *at* in the home; return its path."""
        return self.configure(at, arrangement.account, program, arrangement.mailbox)

    def configure(self, path: str, account: str, program: str, *mailboxes: str) -> Path:
        """Write what ``config`` prints for *program* into the file *path* in the home; return its whole path."""
        words = [word for mailbox in mailboxes for word in ("--mailbox", mailbox)]
        done = self.world.run("config", account, program, *words)
        assert done.code == 0, done.err
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(done.out, encoding="utf-8")
        target.chmod(0o600)
        return target

    def in_cron(self) -> dict[str, str]:
        """Return the environment that cron gives, with the test bed's certificate authority."""
        return {name: self.world.environ[name] for name in ("HOME", "PATH", "REQUESTS_CA_BUNDLE")}

    wait_until = staticmethod(wait_until)

    def let_token_die(self, account: str) -> None:
        """Let the token of *account* be dead, and forget all requests so far."""
        self.world.age(account, left=-5)
        self.entra.forget()

    def renew(self) -> None:
        """Refresh Alice's token."""
        self.world.age(ALICE, left=-5)
        done = self.world.run("refresh", ALICE)
        assert done.code == 0, done.err

    def sent(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return who signed in to send, as whom, and to whom; oldest first."""
        return [(mail.user, mail.sender, mail.recipients) for mail in self.exchange.outbox]

    def opened(self) -> set[str]:
        """Return the users whose mailboxes were opened."""
        return {session.user for session in self.exchange.sessions}


@contextmanager
def open_mail_user(top: Path, ca: trustme.CA) -> Iterator[MailUser]:
    """Yield a user whose files are in *top*, for many tests: Alice and the application are signed in."""
    ca.cert_pem.write_to_path(str(top / "ca.pem"))
    (top / "entra").mkdir()
    with ExitStack() as stack:
        entra = stack.enter_context(Entra(top / "entra", ca))
        exchange = stack.enter_context(Exchange(top / "exchange", ca, issuers=entra.issuers(), keys=entra.keys()))
        entra.add_person(ALICE, PASSWORD)
        entra.access_token_seconds = 3600
        user = MailUser(product(World.make(top / "world", top / "ca.pem")), entra, exchange)
        for mailbox in (ALICE, INFO):
            exchange.add_folders(mailbox, dict.fromkeys(("INBOX", *FOLDERS), ()))
            exchange.grant(ALICE, mailbox)
            mail = f"From: {BOB}\r\nTo: {mailbox}\r\nSubject: Lunch\r\n\r\nToday?\r\n"
            exchange.deliver(mailbox, "INBOX", mail.encode())
        sign_in_quickly(user.world, entra, exchange=exchange)
        sign_in_application(user.world, entra, exchange, INFO)
        yield user


def note_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a script in the place of our command, at a path that needs quotes; return the file with its arguments."""
    script, noted = world.root / 'it\'s "a" \\command', world.root / "called"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{noted}\necho token\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(stub, "command", lambda: [str(script)])
    return noted


@contextmanager
def on_screen(world: World, *command: str | Path, **environ: str) -> Iterator[Any]:
    """Run *command* on a terminal of 30 lines; yield pexpect's process, which is gone afterwards."""
    process = pexpect.spawn(
        str(command[0]),
        [str(word) for word in command[1:]],
        env={**world.environ, "TERM": "xterm", **environ},
        cwd=str(world.root),
        dimensions=(30, 100),
        encoding="utf-8",
        timeout=PATIENCE,
    )
    try:
        yield process
    finally:
        process.close(force=True)


def subjects(maildir: Path) -> list[str]:
    """Return the subjects of the mails in *maildir*."""
    files = [path for part in ("new", "cur") for path in (maildir / part).iterdir()]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(line.partition(": ")[2] for line in lines if line.startswith("Subject: "))
