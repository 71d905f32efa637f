"""
The whole way under Microsoft's own host names and ports, in a network namespace where they are this machine.

Run by test_offlineimap inside ``unshare``: ``python -m tests.whole.real_names DIRECTORY OFFLINEIMAP COMMAND`` prints
what each step did, as one JSON object.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import trustme

from tests.m365.entra import Entra
from tests.m365.exchange import Exchange
from tests.sign_in import PASSWORD, sign_in
from tests.world import World

ALICE = "alice@example.org"
LOGIN, IMAP, SMTP = "login.microsoftonline.com", "outlook.office365.com", "smtp.office365.com"
#: <linux/sockios.h>, <linux/if.h>
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_MAIL = f"From: {ALICE}\nTo: bob@example.org\nSubject: By its real name\n\nHello.\n"


def make_network(directory: Path) -> None:
    """Start loopback, and let Microsoft's names mean it, in this namespace only."""
    with socket.socket() as plain:
        fcntl.ioctl(plain, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    hosts = directory / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {LOGIN} {IMAP} {SMTP}\n", encoding="ascii")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


def go(directory: Path, offlineimap: str, command: str) -> dict[str, Any]:
    """Sign in without an option, sync and send with what ``config`` prints, ask the doctor; return what came of it."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(directory / "ca.pem"))
    (directory / "entra").mkdir()
    with ExitStack() as stack:
        entra = stack.enter_context(Entra(directory / "entra", ca, port=443))
        entra.add_person(ALICE, PASSWORD)
        issuers, keys = entra.issuers(), entra.keys()
        made = Exchange(directory / "exchange", ca, issuers=issuers, keys=keys, ports=(993, 587), names=(IMAP, SMTP))
        exchange = stack.enter_context(made)
        exchange.add_mailbox(ALICE)
        exchange.fill(ALICE, per_folder=1)
        world = World.make(directory / "world", directory / "ca.pem")
        world.command = [command]
        home = Path(world.environ["HOME"])
        steps = {"login": sign_in(world, entra, ALICE)}
        for program, name in (("offlineimap", ".offlineimaprc"), ("msmtp", ".msmtprc")):
            steps[f"config {program}"] = world.run("config", ALICE, program)
            (home / name).write_text(steps[f"config {program}"].out, encoding="utf-8")
            (home / name).chmod(0o600)
        steps["offlineimap"] = world.execute([offlineimap, "-o", "-u", "basic"])
        steps["msmtp"] = world.execute(["/usr/bin/msmtp", "-a", "alice", "bob@example.org"], stdin=_MAIL)
        steps["doctor"] = world.run("doctor")
        return {
            "steps": {name: [done.code, done.out, done.err] for name, done in steps.items()},
            "mails": len(list((home / "Mail").rglob("new/*"))) + len(list((home / "Mail").rglob("cur/*"))),
            "sent": len(exchange.outbox),
        }


if __name__ == "__main__":
    place = Path(sys.argv[1])
    make_network(place)
    sys.stdout.write(json.dumps(go(place, *sys.argv[2:4])))
