"""
An office: Alice, a mailbox that she shares, and an application that may open it; and programs that read mail there.

It is signed in once for all tests of a file, since they only read and send mail.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
from hypothesis import strategies as st

from tests.m365.entra import Entra
from tests.m365.exchange import Exchange
from tests.sign_in import PASSWORD, options, sign_in
from tests.whole.keyboard import product
from tests.world import PATIENCE, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

ALICE, INFO, BOB = "alice@example.org", "info@example.org", "bob@example.org"
_APP, _SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "wq18Q~a.very.secret.value-of-40-letters"
#: Addresses with what may stand before an @ (RFC 5322 §3.2.3, and quoted), and shells and parsers stumble over.
NAMES = st.text("ab'\"$%`\\#;!*?[]{}()<>|&~^=+-._/,:", min_size=1, max_size=12).map(
    lambda local: f"{local.lstrip('-') or 'x'}@example.org"
)
#: What lies in each INBOX.
MAIL = (
    b"From: bob@example.org\r\nTo: alice@example.org\r\nSubject: Lunch on Friday\r\n"
    b"Date: Mon, 01 Sep 2025 08:00:00 +0000\r\n\r\nAt-noon?\r\n"
)


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


#: One's own mailbox; a shared one, from which a delegate sends; one that an application opens.
ARRANGEMENTS = (
    Arrangement("own", ALICE, ALICE, ALICE),
    Arrangement("shared", ALICE, INFO, ALICE),
    Arrangement("app-only", "backup", INFO, INFO),
)


@dataclasses.dataclass
class Office:
    """The *world* of who works there, and the *entra* and *exchange* that it is connected with."""

    world: World
    entra: Entra
    exchange: Exchange

    @property
    def here(self) -> Path:
        """The home directory."""
        return Path(self.world.environ["HOME"])

    def configure(self, program: str, at: Path, arrangement: Arrangement) -> Path:
        """Write what ``config`` prints for *program* to *at*, its file."""
        done = self.world.run("config", arrangement.account, program, "--mailbox", arrangement.mailbox)
        assert done.code == 0, done.err
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(done.out, encoding="utf-8")
        at.chmod(0o600)
        return at

    def wait_for_mail(self, count: int = 1) -> None:
        """Wait until so many mails were sent."""
        end = time.monotonic() + PATIENCE
        while len(self.exchange.outbox) < count:
            assert time.monotonic() < end, "nothing was sent"
            time.sleep(0.02)

    def sent(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return who signed in to send, as whom, and to whom; oldest first."""
        return [(mail.user, mail.sender, mail.recipients) for mail in self.exchange.outbox]

    def opened(self) -> set[str]:
        """Return whose mailboxes were opened."""
        return {session.user for session in self.exchange.sessions}


@contextmanager
def open_office(top: Path, ca: trustme.CA) -> Iterator[Office]:
    """Furnish it in *top*, and sign everybody in."""
    ca.cert_pem.write_to_path(str(top / "ca.pem"))
    (top / "entra").mkdir()
    with ExitStack() as stack:
        entra = stack.enter_context(Entra(top / "entra", ca))
        exchange = stack.enter_context(
            Exchange(top / "exchange", ca, issuers=entra.issuers(), keys=entra.keys()),
        )
        entra.add_person(ALICE, PASSWORD)
        entra.add_client(_APP, [], public=False, secret=_SECRET)
        for mailbox in (ALICE, INFO):
            exchange.add_mailbox(mailbox, ["INBOX", "Drafts", "Sent Items", "Deleted Items", "Junk Email"])
            exchange.deliver(mailbox, "INBOX", MAIL)
            for identity in (ALICE, _APP):
                exchange.grant(identity, mailbox)
        office = Office(product(World.make(top / "world", top / "ca.pem")), entra, exchange)
        _sign_in(office)
        yield office


def _sign_in(office: Office) -> None:
    world, hosts = office.world, options(office.entra, office.exchange.imap_port, office.exchange.smtp_port)
    done = sign_in(world, office.entra, ALICE, *hosts)
    assert done.code == 0, done.err
    secret = world.root / "secret"
    secret.write_text(_SECRET, encoding="utf-8")
    secret.chmod(0o600)
    done = world.run("login", "backup", "--app-only", "--client-id", _APP, "--client-secret-file", secret, *hosts)
    assert done.code == 0, done.err


def program(name: str) -> str:
    """Return the path of a program that tests/run installs."""
    found = shutil.which(name, path="/usr/bin:/usr/local/bin")
    assert found, f"there is no {name}; run: tests/run"
    return found


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
