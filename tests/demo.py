"""
The whole way, shown: a Microsoft 365 made of real parts, ``setup`` from nothing to mail, a mail sent with msmtp.

Run by tests/try, in an environment that has this package, OfflineIMAP and what the test bed is made of.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.m365.entra import Entra
from tests.m365.exchange import FOLDERS, Exchange
from tests.m365.person import Browser
from tests.sign_in import PASSWORD, Login, options
from tests.whole.builds import Build
from tests.whole.sync import NOT_MAIL, Sync
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALICE = "alice@example.org"
BOB = "bob@example.org"
_MAIL = f"From: {ALICE}\nTo: {BOB}\nSubject: Sent with a token\n\nHello from msmtp.\n"


@contextmanager
def serve(per_folder: int) -> Iterator[tuple[World, Entra, Exchange]]:
    """Run a Microsoft 365 with Alice's mailbox in a temporary directory; yield a world that trusts it, too."""
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="m365demo-")))
        ca = trustme.CA()
        entra = stack.enter_context(Entra(top, ca))
        entra.add_person(ALICE, PASSWORD)
        exchange = stack.enter_context(Exchange(top / "exchange", ca, issuers=entra.issuers(), keys=entra.keys()))
        exchange.add_mailbox(ALICE, FOLDERS)
        exchange.fill(ALICE, per_folder)
        yield World.make(top / "world", entra.ca_file), entra, exchange


def main() -> int:
    """Set it all up, show it, and take it down again; 0 if all of it worked."""
    programs = [str(Path(sys.prefix, "bin", name)) for name in ("offlineimap", "offlineimap-m365")]
    build = Build(version("offlineimap"), (programs[0],), (programs[1],), Path(sys.prefix))
    with serve(per_folder=3) as (world, entra, exchange):
        world.command = list(build.command)
        return 0 if show(Sync(world, entra, exchange, build), _say) else 1


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show(sync: Sync, say: Callable[[str], None]) -> bool:
    """Go the whole way as *sync*'s user, telling it to *say*; return whether all of it worked."""
    say("A Microsoft 365 made of real parts, on this machine only:")
    say(f"  sign-in   {sync.entra.authority}")
    say(f"  IMAP      localhost:{sync.exchange.imap_port} (Dovecot, XOAUTH2 only)")
    say(f"  SMTP      localhost:{sync.exchange.smtp_port} (XOAUTH2 only)")
    steps = (_set_up, _status, _compare, _send)
    return all(step(sync, say) for step in steps)


def _set_up(sync: Sync, say: Callable[[str], None]) -> bool:
    say(f"\n$ offlineimap-m365 setup {ALICE} --yes --paste --authority … --imap … --smtp …")
    say("  (its page is opened, the password typed, and the address of the last page pasted, as a person would)")
    environ = sync.world.environ
    environ["PATH"] = f"{Path(sync.build.offlineimap[-1]).parent}:{environ['PATH']}"
    hosts = options(sync.entra, sync.exchange.imap_port, sync.exchange.smtp_port)
    with (
        Login(sync.world, ALICE, "--yes", "--paste", *hosts, command="setup") as setup,
        Browser(sync.entra.ca_file) as browser,
    ):
        landing = browser.sign_in(setup.address, ALICE, PASSWORD)
        done = setup.paste(landing.address or landing.text or "")
    _quote(done.err, say)
    return done.code == 0


def _status(sync: Sync, say: Callable[[str], None]) -> bool:
    say("\n$ offlineimap-m365 status")
    done = sync.world.run("status")
    _quote(done.out, say)
    return done.code == 0


def _compare(sync: Sync, say: Callable[[str], None]) -> bool:
    here, there = sync.in_maildir("alice"), sync.on_server()
    say(f"\n{sync.maildir('alice')}")
    for folder, messages in sorted(here.items()):
        depth = folder.count("/") + 1
        count = sum(messages.values())
        say(f"{'    ' * depth}{folder.rpartition('/')[2]:24} {count} message{'' if count == 1 else 's'}")
    say(f"Left out, as no mail: {', '.join(NOT_MAIL)}, with all below them.")
    total = sum(sum(messages.values()) for messages in here.values())
    is_same = here == there
    say(f"Compared with what the server holds: {total} messages, {'all the same' if is_same else 'NOT the same'}.")
    return is_same


def _send(sync: Sync, say: Callable[[str], None]) -> bool:
    command = ["msmtp", "-f", ALICE, BOB]
    say(f"\n$ {shlex.join(command)}")
    done = sync.world.execute(command, stdin=_MAIL)
    _quote(done.out + done.err, say)
    arrived = [mail for mail in sync.exchange.outbox if b"Hello from msmtp." in mail.data]
    say(f"Arrived at the server: {len(arrived)} mail, sent by {arrived[0].user if arrived else 'nobody'}.")
    say("\nAll of it worked." if done.code == 0 and arrived else "\nIt did not work.")
    return done.code == 0 and bool(arrived)


def _quote(text: str, say: Callable[[str], None]) -> None:
    for line in text.splitlines():
        say(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
