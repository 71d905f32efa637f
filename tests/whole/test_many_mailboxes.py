"""One token, many mailboxes: an application's backup, and a delegate's shared mailbox, with the text of ``config``."""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

import pytest

from tests import certificates
from tests.sign_in import options

if TYPE_CHECKING:
    from tests.whole.sync import Sync

APP, NAME, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"
ALICE, INFO, BOB = "alice@example.org", "info@example.org", "bob@example.org"
_COUNTED = "oauth2/v2.0/token"


@pytest.fixture
def backup(sync: Sync) -> Sync:
    """Return an administrator whose application may open two mailboxes."""
    sync.entra.access_token_seconds = 3600
    sync.entra.add_client(APP, [], public=False, secret=SECRET)
    for mailbox in (INFO, BOB):
        sync.exchange.add_mailbox(mailbox)
        sync.exchange.fill(mailbox, per_folder=2)
        sync.exchange.grant(APP, mailbox)
    path = certificates.write(sync.world.root / "secret", SECRET)
    done = sync.world.run(
        *("login", NAME, "--app-only", "--client-id", APP, "--client-secret-file", path),
        *options(sync.entra, sync.exchange.imap_port, sync.exchange.smtp_port),
    )
    assert done.code == 0, done.err
    sync.entra.forget()
    return sync


def configure(user: Sync, account: str, *mailboxes: str) -> configparser.ConfigParser:
    """Write what ``config`` prints for *mailboxes* into the .offlineimaprc; return it as OfflineIMAP reads it."""
    listed = user.world.root / "mailboxes"
    listed.write_text("# all that are backed up\n" + "\n".join(mailboxes) + "\n", encoding="utf-8")
    done = user.world.run("config", account, "offlineimap", "--mailbox", f"@{listed}")
    assert done.code == 0, done.err
    user.rc.write_text(done.out, encoding="utf-8")
    user.rc.chmod(0o600)
    parser = configparser.ConfigParser()
    parser.read_string(done.out)
    return parser


@pytest.mark.matrix
def test_one_token_of_an_application_fetches_all_its_mailboxes(backup: Sync) -> None:
    """OfflineIMAP backs up two mailboxes with what ``config --mailbox @FILE`` prints, and nobody is asked again."""
    configure(backup, NAME, INFO, BOB)

    done = backup.run(sections=("info", "bob"))

    assert done.code == 0, done.out + done.err
    assert backup.in_maildir("info") == backup.on_server(INFO)
    assert backup.in_maildir("bob") == backup.on_server(BOB)
    assert backup.entra.count(_COUNTED) == 0
    assert len({session.token_sha256 for session in backup.exchange.sessions}) == 1
    assert SECRET not in done.out + done.err


def test_a_mailbox_that_was_not_granted_is_refused(backup: Sync) -> None:
    """The others go on; the exit code tells."""
    backup.exchange.revoke(APP, BOB)
    configure(backup, NAME, BOB, INFO)

    done = backup.run(sections=("info", "bob"))

    assert done.code != 0
    assert backup.in_maildir("info") == backup.on_server(INFO)
    assert not backup.in_maildir("bob")


def test_five_hundred_mailboxes_cost_one_token(backup: Sync) -> None:
    """One configuration, 500 accounts, all of which ask for the one token; nothing is kept per mailbox."""
    mailboxes = [f"user{number}@example.org" for number in range(500)]

    found = configure(backup, NAME, *mailboxes)

    sections = [section for section in found.sections() if section.endswith("-remote")]
    asked = {found.get(section, "oauth2_access_token_eval") for section in sections}
    assert [found.get(section, "remoteuser") for section in sections] == mailboxes
    assert asked == {'get_access_token("backup", 1800)'}
    assert found.getint("general", "maxsyncaccounts") == 4
    assert [path.name for path in (backup.world.home / "accounts").iterdir()] == [NAME]


def test_a_shared_mailbox_is_opened_with_the_delegates_token(sync: Sync) -> None:
    """Alice's token opens the mailbox of info@, whose address is the IMAP user."""
    sync.exchange.add_mailbox(INFO)
    sync.exchange.fill(INFO, per_folder=2)
    sync.exchange.grant(ALICE, INFO)
    sync.sign_in()
    configure(sync, ALICE, INFO)

    done = sync.run(sections=("info",))

    assert done.code == 0, done.out + done.err
    assert sync.in_maildir("info") == sync.on_server(INFO)
