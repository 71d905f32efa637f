"""git sends patches through msmtp with the very texts that ``config git-send-email`` and ``config msmtp`` print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.base import errors
from offlineimap_m365.recipes.targets import defaults
from tests.whole.mailer import ALICE, BACKUP, INFO, LOCAL_PARTS, find

if TYPE_CHECKING:
    from tests.whole.mailer import Mailer
    from tests.world import Outcome, World

PATCH = """From 0000000000000000000000000000000000000001 Mon Sep 17 00:00:00 2001
From: Alice <alice@example.org>
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: [PATCH] Mend it

---
"""


def configure(mailer: Mailer, account: str, *mailboxes: str) -> None:
    """Write what ``config`` prints for git and for msmtp."""
    mailer.configure(".gitconfig", account, "git-send-email", *mailboxes)
    mailer.configure(".msmtprc", account, "msmtp", *mailboxes)


def send(mailer: Mailer, *arguments: str) -> Outcome:
    """Send a patch to Bob; who commits has told git who they are."""
    path = mailer.home / "0001-mend-it.patch"
    path.write_text(PATCH, encoding="utf-8")
    command = [find("git"), "send-email", "--to", "bob@example.org", "--confirm=never", *arguments, str(path)]
    who = mailer.home / ".config" / "git" / "config"
    who.parent.mkdir(parents=True, exist_ok=True)
    who.write_text(f"[user]\n\tname = Alice\n\temail = {ALICE}\n", encoding="utf-8")
    return mailer.world.execute(command, environ=mailer.in_cron())


def test_git_sends_with_what_config_prints(mailer: Mailer) -> None:
    """Her own mailbox without a word, the shared one by its identity: sender and From are right, she signs in."""
    configure(mailer, ALICE, ALICE, INFO)

    done = [send(mailer), send(mailer, "--identity=info")]

    assert [outcome.code for outcome in done] == [0, 0], done
    assert [(sent.user, sent.sender) for sent in mailer.exchange.outbox] == [(ALICE, ALICE), (ALICE, INFO)]
    assert {sent.recipients for sent in mailer.exchange.outbox} == {("bob@example.org", ALICE)}
    assert b"Mend it" in mailer.exchange.outbox[0].data


def test_git_sends_for_an_application(mailer: Mailer) -> None:
    """An application's mailbox is who signs in and who sends."""
    mailer.add_application()
    configure(mailer, BACKUP, INFO)

    done = send(mailer)

    assert done.code == 0, done.err
    assert [(sent.user, sent.sender) for sent in mailer.exchange.outbox] == [(INFO, INFO)]


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


def test_git_gets_the_token_as_a_password_too(mailer: Mailer) -> None:
    """With the commented lines switched on, git's credential helper prints the token for the mail server."""
    path = mailer.home / ".gitconfig"
    text = mailer.world.run("config", ALICE, "git-send-email").out
    path.write_text(re.sub(r"(?m)^(\s*)#(\[|\w+ = )", r"\1\2", text), encoding="utf-8")
    request = f"protocol=smtp\nhost=localhost:{mailer.exchange.smtp_port}\nusername={ALICE}\n\n"

    done = mailer.world.execute([find("git"), "credential", "fill"], environ=mailer.in_cron(), stdin=request)
    server = mailer.world.execute([find("git"), "config", "sendemail.alice.smtpAuth"], environ=mailer.in_cron())

    assert f"password={mailer.world.run('token', ALICE).out}" in done.out
    assert server.out == "XOAUTH2\n"
