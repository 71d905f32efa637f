"""
The whole way, shown: a Microsoft 365 made of real parts, ``setup`` from nothing to mail, a mail sent with msmtp.

Run by tests/try, in an environment that has this package, OfflineIMAP and what the test bed is made of.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.m365.entra import Entra
from tests.m365.exchange import FOLDERS, Exchange
from tests.m365.person import Browser
from tests.sign_in import PASSWORD, Login, options
from tests.whole.builds import Build
from tests.whole.sync import Sync
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.world import Outcome

ALICE = "alice@example.org"
BOB = "bob@example.org"
_MAIL = f"From: {ALICE}\nTo: {BOB}\nSubject: Sent with a token\n\nHello from msmtp.\n"


@contextmanager
def serve(per_folder: int) -> Iterator[tuple[World, Entra, Exchange]]:
    """Run a Microsoft 365 with Alice's mailbox in a temporary directory; yield a world that trusts it, too."""
    ca = trustme.CA()
    with tempfile.TemporaryDirectory(prefix="m365demo-") as top, Entra(Path(top), ca) as entra:
        entra.add_person(ALICE, PASSWORD)
        with Exchange(Path(top, "exchange"), ca, issuers=entra.issuers(), keys=entra.keys()) as exchange:
            exchange.add_mailbox(ALICE, FOLDERS)
            exchange.fill(ALICE, per_folder)
            yield World.make(Path(top, "world"), entra.ca_file), entra, exchange


def main() -> int:
    """Set it all up, show it, and take it down again; 0 if all of it worked."""
    programs = [str(Path(sys.prefix, "bin", name)) for name in ("offlineimap", "offlineimap-m365")]
    build = Build(version("offlineimap"), (programs[0],), (programs[1],), Path(sys.prefix))
    with serve(per_folder=3) as (world, entra, exchange):
        world.command = list(build.command)
        return 0 if show(Sync(world, entra, exchange, build), lambda text: print(text, flush=True)) else 1  # noqa: T201


def show(sync: Sync, say: Callable[[str], None]) -> bool:
    """Go the whole way as *sync*'s user, telling it to *say*; return whether all of it worked."""
    say(f"A Microsoft 365 made of real parts, on this machine only; its people sign in at {sync.entra.authority}.")
    say("The page of setup is opened, the password typed, and the address of the last page pasted, as a person would.")
    send = ["msmtp", "-f", ALICE, BOB]
    steps: dict[str, Callable[[], Outcome]] = {
        f"offlineimap-m365 setup {ALICE} --yes --paste --authority … --imap … --smtp …": lambda: _set_up(sync),
        "offlineimap-m365 status": lambda: sync.world.run("status"),
        " ".join(send): lambda: sync.world.execute(send, stdin=_MAIL),
    }
    has_worked = True
    for command, run in steps.items():
        say(f"\n$ {command}")
        done = run()
        for line in (done.out + done.err).splitlines():
            say(f"  {line}")
        has_worked = has_worked and done.code == 0
    arrived = [mail.user for mail in sync.exchange.outbox if b"Hello from msmtp." in mail.data]
    say(f"Arrived at the server: {len(arrived)} mail, sent by {', '.join(arrived) or 'nobody'}.")
    here, there = sync.in_maildir("alice"), sync.on_server()
    say(f"\n{sync.maildir('alice')}")
    for folder, messages in sorted(here.items()):
        say(f"  {folder:40} {sum(messages.values())}")
    say(f"Compared with all mail that the server holds: {'the same' if here == there else 'NOT the same'}.")
    has_worked = has_worked and here == there and arrived == [ALICE]
    say("\nAll of it worked." if has_worked else "\nIt did not work.")
    return has_worked


def _set_up(sync: Sync) -> Outcome:
    environ = sync.world.environ
    environ["PATH"] = f"{Path(sync.build.offlineimap[-1]).parent}:{environ['PATH']}"
    hosts = options(sync.entra, sync.exchange.imap_port, sync.exchange.smtp_port)
    with (
        Login(sync.world, ALICE, "--yes", "--paste", *hosts, command="setup") as setup,
        Browser(sync.entra.ca_file) as browser,
    ):
        landing = browser.sign_in(setup.address, ALICE, PASSWORD)
        return setup.paste(landing.address or landing.text or "")


if __name__ == "__main__":
    sys.exit(main())
