"""
An office: Alice, a mailbox that she shares, and an application that may open it; and programs that read mail there.

It is signed in once for all tests of a file, since they only read and send mail.
"""

from __future__ import annotations

import dataclasses
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pexpect

from tests.m365.entra import Entra
from tests.m365.exchange import Exchange
from tests.sign_in import PASSWORD
from tests.whole.terminal import product
from tests.whole.mail_user import ALICE, BACKUP, INFO, LOCAL_PARTS, MailUser
from tests.world import PATIENCE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import trustme

BOB = "bob@example.org"
#: Odd addresses.
NAMES = LOCAL_PARTS.map(lambda local: f"{local.lstrip('-') or 'x'}@example.org")


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
    Arrangement("app-only", BACKUP, INFO, INFO),
)


class Office(MailUser):
    """Whoever works there, with what each mailbox has in Exchange; what was opened and sent can be seen."""

    def prepare(self, program: str, at: str, arrangement: Arrangement) -> Path:
        """Write what ``config`` prints for *program* into the file *at* in the home; return its path."""
        self.configure(at, arrangement.account, program, arrangement.mailbox)
        return self.home / at

    @staticmethod
    def wait_until(happened: Callable[[], object]) -> None:
        """Wait until something has *happened*."""
        end = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.02)

    @contextmanager
    def short_lives(self) -> Iterator[None]:
        """Let each token be good for two seconds in Exchange, however long it says, and begin with a new one."""
        self.renew()
        self.exchange.token_life_override = 2
        try:
            yield
        finally:
            self.exchange.token_life_override = None
            self.renew()

    def renew(self) -> None:
        """Let Alice have another token."""
        self.world.age(ALICE, left=-5)
        done = self.world.run("refresh", ALICE)
        assert done.code == 0, done.err

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
        office = Office.make(product(World.make(top / "world", top / "ca.pem")), entra, exchange)
        assert isinstance(office, Office)
        office.add_application()
        for mailbox in (ALICE, INFO):
            exchange.furnish(mailbox, dict.fromkeys(("Drafts", "Sent Items", "Deleted Items", "Junk Email"), ()))
            office.deliver(mailbox, "Lunch")
        yield office


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
