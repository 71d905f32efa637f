"""git sends patches through msmtp with the very texts that ``config git-send-email`` and ``config msmtp`` print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.recipes.targets import defaults
from tests.whole.mail_user import ALICE, ARRANGEMENTS, BACKUP, BOB, INFO, find, odd_names

if TYPE_CHECKING:
    from tests.whole.mail_user import Arrangement, MailUser
    from tests.world import World

PATCH = """From 0000000000000000000000000000000000000001 Mon Sep 17 00:00:00 2001
From: Alice <alice@example.org>
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: [PATCH] Mend it

---
"""


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_git_sends(shared_user: MailUser, arrangement: Arrangement) -> None:
    """With cron's environment sender and From are right, and who signs in is who may."""
    mailboxes = {ALICE: [ALICE, INFO], BACKUP: [INFO]}[arrangement.account]
    for program, path in (("git-send-email", ".gitconfig"), ("msmtp", ".msmtprc")):
        shared_user.configure(path, arrangement.account, program, *mailboxes)
    (shared_user.home / ".config/git").mkdir(parents=True, exist_ok=True)
    (shared_user.home / ".config/git/config").write_text(f"[user]\n\tname = Alice\n\temail = {ALICE}\n", "utf-8")
    patch = shared_user.home / "0001-mend-it.patch"
    patch.write_text(PATCH, encoding="utf-8")
    identity = [] if arrangement.name == "own" else [f"--identity={arrangement.section}"]
    command = [find("git"), "send-email", "--to", BOB, "--confirm=never", *identity, str(patch)]

    done = shared_user.world.execute(command, environ=shared_user.in_cron())

    assert done.code == 0, done.err
    assert shared_user.sent() == [(arrangement.sender, arrangement.mailbox, (BOB, ALICE))]
    assert b"Mend it" in shared_user.exchange.outbox[0].data


@odd_names(40)
def test_git_reads_back_what_was_meant(world: World, name: str) -> None:
    """However odd an address is, git gives it back, and the command names an account of msmtp's file."""
    rc = world.root / "gitconfig"
    rc.write_text(recipes.render("git-send-email", defaults(name)), encoding="utf-8")
    git = [find("git"), "config", "--file", str(rc)]

    identity = world.execute([*git, "sendemail.identity"]).out.strip()
    found = [world.execute([*git, f"sendemail.{identity}.{key}"]).out.strip() for key in ("from", "sendmailCmd")]

    assert found == [name, f"{find('msmtp')} -a {identity}"]


def test_git_gets_the_token_as_a_password_too(shared_user: MailUser) -> None:
    """With the commented lines switched on, git's credential helper prints the token for the mail server."""
    path = shared_user.home / ".gitconfig"
    text = shared_user.world.run("config", ALICE, "git-send-email").out
    path.write_text(re.sub(r"(?m)^(\s*)#(\[|\w+ = )", r"\1\2", text), encoding="utf-8")
    request = f"protocol=smtp\nhost=localhost:{shared_user.exchange.smtp_port}\nusername={ALICE}\n\n"

    done = shared_user.world.execute([find("git"), "credential", "fill"], environ=shared_user.in_cron(), stdin=request)
    server = shared_user.world.execute(
        [find("git"), "config", "sendemail.alice.smtpAuth"], environ=shared_user.in_cron()
    )

    assert f"password={shared_user.world.run('token', ALICE).out}" in done.out
    assert server.out == "XOAUTH2\n"
