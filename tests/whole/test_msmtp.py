"""msmtp sends mail with the very text that ``config msmtp`` prints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.targets import defaults
from tests.sign_in import options, sign_in
from tests.whole.mail_user import ALICE, BACKUP, INFO, LOCAL_PARTS, find
from tests.whole.terminal import product

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.whole.mail_user import MailUser
    from tests.world import Outcome, World

MAIL = "From: {}\r\nTo: bob@example.org\r\nSubject: Lunch\r\n\r\nToday?\r\n"


@pytest.fixture
def msmtp() -> str:
    """Return the program."""
    return find("msmtp")


@pytest.fixture
def alice(world: World, entra: Entra, exchange: Exchange) -> World:
    """Return Alice, signed in, with a mailbox."""
    user = product(world)
    exchange.add_mailbox(ALICE, ["INBOX"])
    done = sign_in(user, entra, ALICE, *options(entra, exchange.imap_port, exchange.smtp_port))
    assert done.code == 0, done.err
    return user


def configure(user: World, *arguments: str) -> None:
    """Write what ``config msmtp`` prints into ~/.msmtprc."""
    path = Path(user.environ["HOME"]) / ".msmtprc"
    path.write_text(user.run("config", ALICE, "msmtp", *arguments).out, encoding="utf-8")
    path.chmod(0o600)


def send(user: World, msmtp: str, section: str, sender: str) -> Outcome:
    """Send a mail to Bob as *sender*."""
    return user.execute([msmtp, "-a", section, "bob@example.org"], stdin=MAIL.format(sender))


def test_msmtp_sends_with_what_config_prints(alice: World, exchange: Exchange, entra: Entra, msmtp: str) -> None:
    """With cron's environment, host, certificates and token command work; a dead token is renewed by one refresh."""
    configure(alice)
    alice.age(ALICE, left=-5)
    entra.forget()
    alice.environ = {name: alice.environ[name] for name in ("HOME", "PATH", "REQUESTS_CA_BUNDLE")}

    done = send(alice, msmtp, "alice", ALICE)

    assert done.code == 0, done.err
    assert [(sent.user, sent.sender, sent.recipients) for sent in exchange.outbox] == [
        (ALICE, ALICE, ("bob@example.org",))
    ]
    assert b"Today?" in exchange.outbox[0].data
    assert entra.count("refresh_token") == 1


def test_a_shared_mailbox_is_the_sender_and_alice_signs_in(alice: World, exchange: Exchange, msmtp: str) -> None:
    """For a shared mailbox the delegate authenticates, and only from is the mailbox (Microsoft: XOAUTH2 and SMTP)."""
    configure(alice, "--mailbox", INFO)

    done = send(alice, msmtp, "info", INFO)

    assert done.code == 0, done.err
    assert [(sent.user, sent.sender) for sent in exchange.outbox] == [(ALICE, INFO)]


def test_an_application_signs_in_as_the_mailbox_that_sends(mail_user: MailUser, msmtp: str) -> None:
    """For an account that is app-only the mailbox is user as well as sender (Microsoft: SMTP.SendAsApp)."""
    mail_user.add_application()
    mail_user.configure(".msmtprc", BACKUP, "msmtp", INFO)

    done = send(mail_user.world, msmtp, "info", INFO)

    assert done.code == 0, done.err
    assert [(sent.user, sent.sender) for sent in mail_user.exchange.outbox] == [(INFO, INFO)]


def test_the_longest_token_is_as_long_as_the_data_say(
    world: World, exchange: Exchange, msmtp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One character more, and msmtp does not even ask the server; with as many as config allows it does."""
    account = dataclasses.replace(defaults(ALICE), smtp=f"localhost:{exchange.smtp_port}")
    longest = tables.load("programs")["programs"]["msmtp"]["longest_token"] - len(ALICE)
    said = []
    for length in (longest, longest + 1):
        monkeypatch.setattr(stub, "command", lambda length=length: ["/bin/sh", "-c", f"printf %0{length}d 0"])
        rc = Path(world.environ["HOME"]) / ".msmtprc"
        rc.write_text(recipes.render("msmtp", account), encoding="utf-8")
        rc.chmod(0o600)
        said.append(send(world, msmtp, "alice", ALICE).err)

    assert "authentication failed" in said[0]
    assert "longer than 4094 characters" in said[1]


def test_a_sign_in_that_is_gone_reaches_the_person(alice: World, exchange: Exchange, msmtp: str) -> None:
    """Without a token nothing is sent, and what msmtp shows has our line with the command that helps."""
    configure(alice)
    alice.run("logout", ALICE)

    done = send(alice, msmtp, "alice", ALICE)

    assert done.code != 0
    assert exchange.outbox == []
    assert f"offlineimap-m365 login {ALICE}" in done.err


@pytest.fixture
def note(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a script in the place of our command; return the file in which it notes what it was called with."""
    script, found = world.root / "it's a command", world.root / "called"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{found}\necho token\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(stub, "command", lambda: [str(script)])
    return found


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(local=LOCAL_PARTS)
def test_msmtp_reads_back_what_was_meant(world: World, msmtp: str, note: Path, local: str) -> None:
    """However odd an address is, msmtp and its shell see that address; one that it cannot be told is refused."""
    try:
        name = clean_name(f"{local}@example.org")
        text = recipes.render("msmtp", defaults(name))
    except errors.WrongUsage:
        assert local.startswith("-") or "%" in local
        return
    rc = world.root / "msmtprc"
    rc.write_text(text, encoding="utf-8")
    rc.chmod(0o600)

    done = world.execute([msmtp, "-C", str(rc), "-a", section_of(text), "-P"])

    shown = dict(line.split(" = ", 1) for line in done.out.splitlines() if " = " in line)
    assert done.code == 0, done.err
    assert (shown["user"], shown["from"]) == (name, name)
    assert note.read_text(encoding="utf-8").splitlines() == ["token", name]


def section_of(text: str) -> str:
    """Return the name of the first account in an msmtprc."""
    return next(line.split()[1] for line in text.splitlines() if line.startswith("account "))


@pytest.mark.parametrize(
    ("older", "is_named"),
    [
        (f"account desk\nfrom {ALICE.upper()}\n", True),
        (f'from "{ALICE}"\n', True),
        ("account desk\nfrom bob@x.org\n", False),
    ],
)
def test_an_older_account_with_the_same_sender_is_named(alice: World, older: str, is_named: bool) -> None:
    """Of several accounts with the same from msmtp uses the first, so config says which one that is."""
    (Path(alice.environ["HOME"]) / ".msmtprc").write_text(older, encoding="utf-8")

    done = alice.run("config", ALICE, "msmtp")

    assert done.code == 0
    assert ("already has an account" in done.err) == is_named
