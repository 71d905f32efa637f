"""The main job: OfflineIMAP syncs a mailbox with tokens of this package."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.m365.exchange import FOLDERS
from tests.m365.exchange.mail import make_message
from tests.signed_in_accounts import ALICE, TOKEN
from tests.whole import builds
from tests.whole.installation import ROOT
from tests.whole.leak_search import forms
from tests.whole.sync import letter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.whole.sync import Sync
    from tests.world import Outcome


@pytest.mark.matrix
@builds.every
def test_a_first_sync_brings_all_mail_and_nothing_else(ready: Sync) -> None:
    """The Maildir has the server's mail, message by message, without calendars; no log shows a token."""
    missing = set(FOLDERS) - set(ready.exchange.contents(ALICE))
    ready.exchange.add_folders(ALICE, {folder: [make_message(ALICE, folder, 0)] for folder in missing})

    done = run_and_search(ready, "-d", "ALL")

    assert done.code == 0, done.out + done.err
    assert ready.in_maildir() == ready.on_server()
    named_like_items = {"INBOX/Notes", "Calendars of the team", "Projects/Calendar redesign", "Contacts-old"}
    assert named_like_items <= set(ready.in_maildir())
    assert ready.entra.count(TOKEN) <= 1  # its wish for half an hour more costs one refresh at the most


def test_later_syncs_go_both_ways(ready: Sync) -> None:
    """
    With the sample's nametrans lines, new mail is copied in both directions, once, and no folder is made by mistake.

    Mail that is moved into a folder made here moves there: the well-known createfolders = False would delete it on
    the server and never upload it, without a message.
    """
    ready.exchange.add_folders(ALICE, dict.fromkeys(("Deleted Items", "Junk Email"), ()))
    ready.rc.write_text(ready.rc.read_text("utf-8").replace("#nametrans", "nametrans"), "utf-8")
    first = ready.run()
    here, there = ready.in_maildir(), ready.exchange.contents(ALICE)
    ready.exchange.deliver(ALICE, "INBOX", letter("new-on-the-server"))
    (ready.maildir() / "Drafts/new/1.made-here").write_bytes(letter("made-here"))
    for name in ("cur", "new", "tmp"):
        (ready.maildir() / "Made here" / name).mkdir(parents=True)
    moved = next((ready.maildir() / "INBOX/new").iterdir())
    moved.rename(ready.maildir() / "Made here/new" / moved.name.partition(",")[0])

    later = [ready.run() for _ in range(2)]

    assert [done.code for done in (first, *later)] == [0, 0, 0], later[-1].out + later[-1].err
    assert set(here) == {"INBOX", "Sent", "Trash", "Junk", "Drafts"}
    after = ready.exchange.contents(ALICE)
    assert set(after) == {*there, "Made here"}
    assert {folder: len(mails) - len(there.get(folder, ())) for folder, mails in after.items()} == {
        **dict.fromkeys(there, 0),
        "Drafts": 1,
        "Made here": 1,
    }
    assert sum(ready.in_maildir()["INBOX"].values()) == len(after["INBOX"])
    assert ready.in_maildir()["INBOX"][letter("new-on-the-server")] == 1


#: The same user in new namespaces, allowed to mount there and to listen on low ports (unshare(1), capabilities(7)).
NAMESPACES = ("unshare", "--user", "--map-current-user", "--keep-caps", "--net", "--mount")


def test_the_whole_way_under_microsofts_names(tmp_path: Path) -> None:
    """With Thunderbird's client id and no option: a sign-in, a sync, a mail sent, and a doctor who finds nothing."""
    build = builds.find("8.0.3")
    module = [sys.executable, "-m", "tests.whole.real_names", str(tmp_path), *build.offlineimap, *build.command]

    done = subprocess.run([*NAMESPACES, *module], capture_output=True, text=True, check=False, timeout=200, cwd=ROOT)

    assert done.returncode == 0, f"user namespaces may be forbidden on this machine: {done.stderr}"
    result = json.loads(done.stdout)
    assert {name: step[0] for name, step in result["steps"].items()} == dict.fromkeys(result["steps"], 0), done.stdout
    assert (result["sent"], result["mails"]) == (1, 3)


@pytest.mark.matrix
@builds.every
def test_an_account_that_is_not_signed_in_is_skipped_and_the_others_go_on(ready: Sync) -> None:
    """The first line about it is ours, with the command that helps; the good account is synced; the exit code tells."""
    work = ready.rc.read_text(encoding="utf-8").partition("[Account")
    other = "".join(work[1:]).replace("work", "other").replace(ALICE, "carol@example.org")
    ready.configure(also=f"\n{other}")

    done = ready.run("-k", "general:accounts=other,work", sections=("work", "other"))

    first = next(line for line in (done.out + done.err).splitlines() if "carol@example.org" in line)
    assert "carol@example.org is not signed in" in first
    assert "offlineimap-m365 login carol@example.org" in first
    assert done.code != 0
    assert ready.in_maildir() == ready.on_server()
    assert ready.entra.count(TOKEN) <= 1


@pytest.mark.matrix
@builds.every
def test_a_refusal_costs_one_request_whatever_offlineimap_tries(ready: Sync) -> None:
    """An account that Microsoft refuses is skipped with one request, the reason, and an exit code that tells."""
    ready.world.age(ALICE, left=-10)
    ready.entra.revoke(ALICE)

    results = [ready.run(), ready.run()]

    said = results[0].out + results[0].err
    assert "AADSTS50173" in said
    assert f"offlineimap-m365 login {ALICE}" in said
    assert all(done.code != 0 for done in results)
    assert ready.entra.count(TOKEN) == 1


def test_no_secret_is_logged_by_any_user_interface(ready: Sync) -> None:
    """Each of OfflineIMAP's interfaces gets cleaned text, also of a token that another process renewed meanwhile."""
    for number, ui in enumerate(("quiet", "ttyui", "machineui", "syslog"), start=1):
        ready.world.age(ALICE)

        run_and_search(ready, "-u", ui, "-d", "ALL")

        assert ready.entra.count(TOKEN) == number


@builds.every
def test_no_secret_is_in_the_dump_of_a_dying_thread(ready: Sync) -> None:
    """A connection that is refused makes OfflineIMAP print its last debug messages, without any -d."""
    ready.exchange.token_life_override = 0.0  # Exchange refuses each token, whatever it says itself

    run_and_search(ready)

    assert ready.exchange.refusals


def run_and_search(ready: Sync, *arguments: str) -> Outcome:
    """Run OfflineIMAP; what it prints and logs tells of the authentication and shows no token, clear or in base64."""
    log = ready.world.root / "log"
    log.unlink(missing_ok=True)
    secrets = set(ready.world.secrets(ALICE))

    done = ready.run("-l", str(log), *arguments)

    secrets |= {*ready.world.secrets(ALICE), *ready.entra.refresh_tokens}
    text = done.out + done.err + log.read_text("utf-8", "replace")
    assert "XOAUTH2" in text
    assert not [secret for secret in secrets for form in forms(secret) if form in text]
    assert "dXNlcj1hbGlj" not in text  # base64 of "user=alic"
    return done


@builds.every
def test_a_process_that_stays_outlives_its_tokens(ready: Sync) -> None:
    """In autorefresh each connection has a token that is alive, also where the build asks once per process."""
    ready.entra.access_token_seconds = 301  # fresh for one second
    ready.exchange.token_life_override = 4.0
    ready.world.age(ALICE)
    text = ready.rc.read_text(encoding="utf-8")
    ready.rc.write_text(text.replace("#autorefresh = 10", "autorefresh = 0.01"), encoding="utf-8")

    with ready.staying() as wait_for:
        wait_for(lambda: len({session.token_sha256 for session in ready.exchange.sessions}) >= 3)
        ready.exchange.deliver(ALICE, "INBOX", letter("later"))
        wait_for(lambda: ready.in_maildir() == ready.on_server())
        refusals = list(ready.exchange.refusals)  # the end may cut a sign-in

    assert refusals == []
