"""mbsync fetches mail with the very text that ``config mbsync`` prints."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.base import errors
from offlineimap_m365.folders import utf7
from offlineimap_m365.knowledge import tables
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.targets import defaults
from tests.imap_server import ImapServer
from tests.whole.mail_user import ALICE, BACKUP, INFO, LOCAL_PARTS, find, subjects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import trustme

    from tests.whole.mail_user import MailUser
    from tests.world import Outcome, World

#: Of an IMAP server that takes whatever it is handed.
ANSWERS = {"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\nTAG OK done\r\n"}


def maildir(mail_user: MailUser, section: str) -> Path:
    """Return where the mail of *section* lies."""
    return mail_user.home / "Mail" / "mbsync" / section


def sync(world: World, environ: Mapping[str, str] | None = None) -> Outcome:
    """Do what the first lines of the file say."""
    text = (Path(world.environ["HOME"]) / ".mbsyncrc").read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if line.startswith("# Then: ")).removeprefix("# Then: ")
    assert command.endswith(" && mbsync -a")
    return world.execute(["/bin/sh", "-c", command], environ=environ)


def folders(path: Path) -> set[str]:
    """Return the folders in a Maildir."""
    return {str(found.parent.relative_to(path)) for found in path.rglob("cur")}


def test_mbsync_fetches_with_what_config_prints(mail_user: MailUser) -> None:
    """Host, certificates, token command and patterns work; a dead token is renewed on the way, once."""
    more = ["Sent Items", "Calendar", "Calendar/Birthdays", "Sync Issues", "Calendars of the team", "INBOX/Notes"]
    mail_user.exchange.add_mailbox(ALICE, ["INBOX", *more])
    mail_user.deliver(ALICE, "Lunch")
    done = mail_user.configure(".mbsyncrc", ALICE, "mbsync")
    mail_user.world.age(ALICE, left=-5)

    ran = sync(mail_user.world)

    assert ran.code == 0, ran.err
    assert subjects(maildir(mail_user, "alice") / "INBOX") == ["Lunch"]
    assert folders(maildir(mail_user, "alice")) == {"INBOX", "INBOX/Notes", "Sent Items", "Calendars of the team"}
    assert mail_user.entra.count("refresh_token") == 1
    assert f"folders {ALICE} --learn" in done.out


def test_mbsync_leaves_out_what_was_learnt(mail_user: MailUser) -> None:
    """The folders of a mailbox in another language are left out as they were found, however they are spelt there."""
    items = {"Kalenteri", "Yhteystiedot", "L\u00e4htev\u00e4t"}
    mail = {"INBOX", "Luonnokset", "L\u00e4hetetyt", "Poistetut", "T\u00e4rke\u00e4/Kalenteri"}
    mail_user.exchange.add_mailbox(ALICE, [*mail, *items])
    assert mail_user.world.run("folders", ALICE, "--learn").code == 0
    done = mail_user.configure(".mbsyncrc", ALICE, "mbsync")

    ran = sync(mail_user.world)

    assert ran.code == 0, ran.err
    assert {utf7.decode(name) for name in folders(maildir(mail_user, "alice"))} == mail
    assert "as offlineimap-m365 folders --learn found them" in done.out


def test_mbsync_fetches_several_mailboxes_and_an_applications(mail_user: MailUser) -> None:
    """Alice's token opens the shared mailbox as well, and an application's its own, with what cron has."""
    mail_user.add_application()
    mail_user.deliver(ALICE, "Lunch")
    mail_user.deliver(INFO, "Order")
    mail_user.configure(".mbsyncrc", ALICE, "mbsync", ALICE, INFO)
    first = sync(mail_user.world, mail_user.in_cron())
    hers = [subjects(maildir(mail_user, section) / "INBOX") for section in ("alice", "info")]
    mail_user.deliver(INFO, "Reminder")
    mail_user.configure(".mbsyncrc", BACKUP, "mbsync", INFO)

    second = sync(mail_user.world, mail_user.in_cron())

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert hers == [["Lunch"], ["Order"]]
    assert subjects(maildir(mail_user, "info") / "INBOX") == ["Order", "Reminder"]
    assert [session.user for session in mail_user.exchange.sessions] == [ALICE, INFO, INFO]
    assert mail_user.entra.count("refresh_token") == 0


def test_a_run_that_outlives_its_token_is_gone_on_with(mail_user: MailUser) -> None:
    """When Exchange closes a session whose token died, mbsync stops; its next run fetches the rest, nothing twice."""
    names = [f"Mail {number}" for number in range(8)]
    mail_user.deliver(ALICE, *names)
    mail_user.configure(".mbsyncrc", ALICE, "mbsync")
    mail_user.exchange.token_life_override, mail_user.exchange.slow_seconds = 1.5, 0.4
    cut = sync(mail_user.world)
    some = subjects(maildir(mail_user, "alice") / "INBOX")
    mail_user.exchange.token_life_override, mail_user.exchange.slow_seconds = None, 0

    ran = sync(mail_user.world)

    assert (cut.code, ran.code) == (1, 0), ran.err
    assert 0 < len(some) < len(names)
    assert subjects(maildir(mail_user, "alice") / "INBOX") == names


def test_a_token_as_long_as_the_data_say_is_sent_whole(
    world: World, server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many characters of a token reach the server; of more, mbsync reads the beginning only."""
    longest = tables.load("programs")["programs"]["mbsync"]["longest_token"]
    monkeypatch.setattr(stub, "command", lambda: ["/bin/sh", "-c", f"printf '%0{longest}d\\n' 0"])
    rc = Path(world.environ["HOME"]) / ".mbsyncrc"
    rc.write_text(recipes.render("mbsync", dataclasses.replace(defaults(ALICE), imap=server.address)), "utf-8")

    sync(world)

    assert answer_of(server) == f"user={ALICE}\1auth=Bearer {'0' * longest}\1\1".encode()


def answer_of(server: ImapServer) -> bytes:
    """Return what the server was handed to sign in."""
    return base64.b64decode(server.received.split(b"AUTHENTICATE XOAUTH2\r\n")[1].split(b"\r\n")[0])


def test_a_server_that_is_another_gets_no_token(world: World, ca: trustme.CA) -> None:
    """With what config prints, mbsync hands nothing to a server whose certificate is for another host."""
    with ImapServer(ca, ANSWERS, host="elsewhere.example", last="LOGOUT") as server:
        rc = Path(world.environ["HOME"]) / ".mbsyncrc"
        rc.write_text(recipes.render("mbsync", dataclasses.replace(defaults(ALICE), imap=server.address)), "utf-8")

        ran = sync(world)

        assert ran.code != 0
        assert "certificate" in ran.err
        assert server.received == b""


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[ImapServer]:
    """Run an IMAP server that writes down what it is sent."""
    with ImapServer(ca, ANSWERS, last="LOGOUT") as made:
        yield made


def test_a_sign_in_that_is_gone_reaches_the_person(world: World, ca: trustme.CA) -> None:
    """Without a token nothing is handed to the server, and what mbsync shows has the command that helps."""
    with ImapServer(ca) as server:
        rc = Path(world.environ["HOME"]) / ".mbsyncrc"
        rc.write_text(recipes.render("mbsync", dataclasses.replace(defaults(ALICE), imap=server.address)), "utf-8")

        ran = sync(world)

        assert ran.code != 0
        assert f"offlineimap-m365 login {ALICE}" in ran.err
        assert "AUTHENTICATE" not in server.commands


@pytest.fixture
def note(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a script in the place of our command; return the file in which it notes what it was called with."""
    script, found = world.root / 'it\'s "a" \\command', world.root / "called"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{found}\necho token\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(stub, "command", lambda: [str(script)])
    return found


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(local=LOCAL_PARTS)
def test_mbsync_reads_back_what_was_meant(world: World, server: ImapServer, note: Path, local: str) -> None:
    """However odd an address is, mbsync signs in as that address, and its shell asks for that account's token."""
    try:
        name = clean_name(f"{local}@example.org")
    except errors.WrongUsage:
        assert local.startswith("-")
        return
    rc = world.root / "mbsyncrc"
    rc.write_text(recipes.render("mbsync", dataclasses.replace(defaults(name), imap=server.address)), encoding="utf-8")
    section = rc.read_text(encoding="utf-8").split("IMAPAccount ")[1].split()[0]
    maildir = Path(world.environ["HOME"]) / "Mail" / "mbsync" / section
    maildir.mkdir(parents=True, exist_ok=True)
    server.received = b""

    done = world.execute([find("mbsync"), "-c", str(rc), "-l", section])

    assert done.code == 0, done.err
    assert answer_of(server) == f"user={name}\1auth=Bearer token\1\1".encode()
    assert note.read_text(encoding="utf-8").splitlines() == ["token", name]
