"""getmail6 fetches mail with the very text that ``config getmail`` prints."""

from __future__ import annotations

import ast
import dataclasses
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import clean_name
from offlineimap_m365.base import errors
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes.targets import defaults
from tests.mail_servers import ImapServer
from tests.signed_in_accounts import TOKEN
from tests.whole.mail_user import ALICE, ARRANGEMENTS, find, subjects

if TYPE_CHECKING:
    import trustme

    from tests.whole.mail_user import Arrangement, MailUser
    from tests.world import Outcome, World

#: What an address may hold before its @, and parsers stumble over.
LONG_STORY = "a%b=c#d'e$HOME`f{g}&h@example.org"


def fetch(world: World, environ: dict[str, str]) -> Outcome:
    """Do what the first lines of the file say."""
    text = (Path(world.environ["HOME"]) / ".config/getmail/getmailrc").read_text(encoding="utf-8")
    command = text.partition("# Then: ")[2].partition("\n")[0]
    assert command.endswith(" && getmail")
    return world.execute(["/bin/sh", "-c", command], environ=environ)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS, ids=str)
def test_getmail_fetches(shared_user: MailUser, arrangement: Arrangement) -> None:
    """With cron's environment a dead token is renewed by one request, and nothing is fetched twice."""
    maildir = shared_user.home / "Mail/getmail" / arrangement.section
    for place in (maildir, shared_user.home / ".config/getmail"):
        shutil.rmtree(place, ignore_errors=True)
    shared_user.prepare("getmail", ".config/getmail/getmailrc", arrangement)
    shared_user.let_token_die(arrangement.account)

    done = [fetch(shared_user.world, shared_user.in_cron()) for _ in range(2)]

    assert [outcome.code for outcome in done] == [0, 0], done
    assert subjects(maildir) == ["Lunch"]
    assert len(shared_user.exchange.contents(arrangement.mailbox)["INBOX"]) == 1
    assert shared_user.opened() == {arrangement.mailbox}
    assert shared_user.entra.count(TOKEN) == 1


def test_a_server_that_is_another_gets_no_token(world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what config prints, getmail hands nothing to a server whose certificate is for another host."""
    with ImapServer(ca, host="elsewhere.example", last="AUTHENTICATE") as server:
        rc = Path(world.environ["HOME"]) / ".config/getmail/getmailrc"
        rc.parent.mkdir(parents=True)
        monkeypatch.setattr(stub, "command", lambda: ["echo"])
        rc.write_text(recipes.render("getmail", dataclasses.replace(defaults(ALICE), imap=server.address)), "utf-8")

        ran = fetch(world, {name: world.environ[name] for name in ("HOME", "PATH")})

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
