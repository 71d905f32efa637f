"""getmail6 fetches mail with the very text that ``config getmail`` prints."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.base import errors
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.targets import defaults
from tests.imap_server import ImapServer
from tests.whole.mail_user import ALICE, BACKUP, INFO, find, subjects

if TYPE_CHECKING:
    from collections.abc import Mapping

    import trustme

    from tests.whole.mail_user import MailUser
    from tests.world import Outcome, World

#: What an address may hold before its @, and parsers stumble over.
LONG_STORY = "a%b=c#d'e$HOME`f{g}&h@example.org"
#: Where getmail looks in the world of a test, which has $XDG_CONFIG_HOME.
RC = "../config/getmail/getmailrc"


def fetch(world: World, environ: Mapping[str, str] | None = None, rc: str = "") -> Outcome:
    """Do what the first lines of the file say; *rc* names another one than the usual."""
    text = (Path(world.environ["HOME"]) / (rc or RC)).read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if line.startswith("# Then: ")).removeprefix("# Then: ")
    assert command.endswith(" && getmail")
    return world.execute(["/bin/sh", "-c", command + (f" --rcfile ~/{rc}" if rc else "")], environ=environ)


def test_getmail_fetches_with_what_config_prints(mail_user: MailUser) -> None:
    """Host, certificates and token command work, a dead token is renewed once, and nothing is fetched twice."""
    mail_user.deliver(ALICE, "Lunch")
    mail_user.configure(RC, ALICE, "getmail")
    mail_user.world.age(ALICE, left=-5)

    first = fetch(mail_user.world)
    mail_user.deliver(ALICE, "Tea")
    second = fetch(mail_user.world)

    assert (first.code, second.code) == (0, 0), first.out + first.err + second.err
    assert subjects(mail_user.home / "Mail" / "getmail" / "alice") == ["Lunch", "Tea"]
    assert len(mail_user.exchange.contents(ALICE)["INBOX"]) == 2
    assert mail_user.entra.count("refresh_token") == 1


def test_getmail_fetches_a_shared_mailbox_and_an_applications(mail_user: MailUser) -> None:
    """Alice's token opens the shared mailbox, an application's its own, with what cron has."""
    mail_user.add_application()
    mail_user.deliver(INFO, "Order")
    (mail_user.home / ".config" / "getmail").mkdir(parents=True)
    mail_user.configure(".config/getmail/shared", ALICE, "getmail", INFO)
    mail_user.configure(".config/getmail/backup", BACKUP, "getmail", INFO)
    maildir = mail_user.home / "Mail" / "getmail" / "info"

    hers = fetch(mail_user.world, mail_user.in_cron(), ".config/getmail/shared")
    found = subjects(maildir)
    mail_user.deliver(INFO, "Reminder")
    its = fetch(mail_user.world, mail_user.in_cron(), ".config/getmail/backup")

    assert (hers.code, its.code) == (0, 0), hers.err + its.err
    assert (found, subjects(maildir)) == (["Order"], ["Order", "Reminder"])
    assert [session.user for session in mail_user.exchange.sessions] == [INFO, INFO]
    assert len({session.token_sha256 for session in mail_user.exchange.sessions}) == 2


def test_a_server_that_is_another_gets_no_token(world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what config prints, getmail hands nothing to a server whose certificate is for another host."""
    with ImapServer(ca, host="elsewhere.example", last="AUTHENTICATE") as server:
        rc = Path(world.environ["HOME"]) / RC
        rc.parent.mkdir(parents=True)
        monkeypatch.setattr(stub, "command", lambda: ["echo"])
        rc.write_text(recipes.render("getmail", dataclasses.replace(defaults(ALICE), imap=server.address)), "utf-8")

        ran = fetch(world)

        assert "elsewhere.example" in ran.out + ran.err
        assert b"AUTHENTICATE" not in server.received


@pytest.mark.parametrize(
    ("path", "reason"),
    [(None, "verifies no certificate"), ("/etc/$HOME/ca.pem", "what follows a \\$ is a variable")],
)
def test_certificates_that_getmail_cannot_use_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str | None, reason: str
) -> None:
    """It verifies no certificate unless it is told which to trust, and it expands variables in paths: 78."""
    monkeypatch.setattr("offlineimap_m365.recipes.template_values.certificates", lambda: path)

    with pytest.raises(errors.Misconfigured, match=reason):
        recipes.render("getmail", defaults(ALICE))


def test_getmail_reads_back_what_was_meant(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However odd an address or a path is, getmail's own dump of its configuration has it as it is."""
    name = clean_name(LONG_STORY)
    command = [f'{world.root}/it\'s "a" \\command', "50%", "#", "$HOME"]
    monkeypatch.setattr(stub, "command", lambda: command)
    rc = world.root / "getmailrc"
    rc.write_text(recipes.render("getmail", defaults(name)), encoding="utf-8")
    path = next(line for line in rc.read_text(encoding="utf-8").splitlines() if line.startswith("path = "))
    for part in ("cur", "new", "tmp"):
        (Path(path.removeprefix("path = ")).expanduser() / part).mkdir(parents=True)

    done = world.execute([find("getmail"), "--getmaildir", str(world.root), "--rcfile", str(rc), "--dump"])

    assert done.code == 0, done.err
    assert f'username="{name}")' in done.out
    words = re.search(r'password_command="(.*?\))", port="993"', done.out)
    assert words is not None
    assert ast.literal_eval(words[1])[2:] == (*command, "token", name)
