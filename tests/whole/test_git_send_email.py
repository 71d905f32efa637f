"""git sends patches through msmtp with the very texts that ``config git-send-email`` and ``config msmtp`` print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.base import errors
from offlineimap_m365.recipes.targets import defaults
from tests.whole.mail_user import ALICE, BACKUP, INFO, LOCAL_PARTS, find

if TYPE_CHECKING:
    from tests.whole.mail_user import MailUser
    from tests.world import Outcome, World

PATCH = """From 0000000000000000000000000000000000000001 Mon Sep 17 00:00:00 2001
From: Alice <alice@example.org>
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: [PATCH] Mend it

---
"""


def configure(mail_user: MailUser, account: str, *mailboxes: str) -> None:
    """Write what ``config`` prints for git and for msmtp."""
    mail_user.configure(".gitconfig", account, "git-send-email", *mailboxes)
    mail_user.configure(".msmtprc", account, "msmtp", *mailboxes)


def send(mail_user: MailUser, *arguments: str) -> Outcome:
    """Send a patch to Bob; who commits has told git who they are."""
    path = mail_user.home / "0001-mend-it.patch"
    path.write_text(PATCH, encoding="utf-8")
    command = [find("git"), "send-email", "--to", "bob@example.org", "--confirm=never", *arguments, str(path)]
    who = mail_user.home / ".config" / "git" / "config"
    who.parent.mkdir(parents=True, exist_ok=True)
    who.write_text(f"[user]\n\tname = Alice\n\temail = {ALICE}\n", encoding="utf-8")
    return mail_user.world.execute(command, environ=mail_user.in_cron())


def test_git_sends_with_what_config_prints(mail_user: MailUser) -> None:
    """Her own mailbox without a word, the shared one by its identity: sender and From are right, she signs in."""
    configure(mail_user, ALICE, ALICE, INFO)

    done = [send(mail_user), send(mail_user, "--identity=info")]

    assert [outcome.code for outcome in done] == [0, 0], done
    assert [(sent.user, sent.sender) for sent in mail_user.exchange.outbox] == [(ALICE, ALICE), (ALICE, INFO)]
    assert {sent.recipients for sent in mail_user.exchange.outbox} == {("bob@example.org", ALICE)}
    assert b"Mend it" in mail_user.exchange.outbox[0].data


def test_git_sends_for_an_application(mail_user: MailUser) -> None:
    """An application's mailbox is who signs in and who sends."""
    mail_user.add_application()
    configure(mail_user, BACKUP, INFO)

    done = send(mail_user)

    assert done.code == 0, done.err
    assert [(sent.user, sent.sender) for sent in mail_user.exchange.outbox] == [(INFO, INFO)]


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(local=LOCAL_PARTS)
def test_git_reads_back_what_was_meant(world: World, local: str) -> None:
    """However odd an address is, git gives it back, and the command names an account of msmtp's file."""
    try:
        name = clean_name(f"{local}@example.org")
    except errors.WrongUsage:
        assert local.startswith("-")
        return
    rc = world.root / "gitconfig"
    rc.write_text(recipes.render("git-send-email", defaults(name)), encoding="utf-8")
    git = [find("git"), "config", "--file", str(rc)]

    identity = world.execute([*git, "sendemail.identity"]).out.strip()
    found = [world.execute([*git, f"sendemail.{identity}.{key}"]).out.strip() for key in ("from", "sendmailCmd")]

    assert found == [name, f"{find('msmtp')} -a {identity}"]


def test_git_gets_the_token_as_a_password_too(mail_user: MailUser) -> None:
    """With the commented lines switched on, git's credential helper prints the token for the mail server."""
    path = mail_user.home / ".gitconfig"
    text = mail_user.world.run("config", ALICE, "git-send-email").out
    path.write_text(re.sub(r"(?m)^(\s*)#(\[|\w+ = )", r"\1\2", text), encoding="utf-8")
    request = f"protocol=smtp\nhost=localhost:{mail_user.exchange.smtp_port}\nusername={ALICE}\n\n"

    done = mail_user.world.execute([find("git"), "credential", "fill"], environ=mail_user.in_cron(), stdin=request)
    server = mail_user.world.execute([find("git"), "config", "sendemail.alice.smtpAuth"], environ=mail_user.in_cron())

    assert f"password={mail_user.world.run('token', ALICE).out}" in done.out
    assert server.out == "XOAUTH2\n"
