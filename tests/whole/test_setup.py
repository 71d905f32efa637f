"""From nothing to mail in one command, with real parts: Entra's look-alike, Dovecot, OfflineIMAP, msmtp, Chromium."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.folders import utf7
from tests.m365.exchange import FOLDERS
from tests.m365.exchange.folders import holds_mail
from tests.m365.person import Browser
from tests.sign_in import PASSWORD, Login, options
from tests.whole.mail_user import ALICE, BOB, sign_in_quickly
from tests.whole.terminal import Terminal, product

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World

#: A calendar, contacts, and mail that was sent.
JAPANESE = ["\u4e88\u5b9a\u8868", "\u9023\u7d61\u5148", "\u9001\u4fe1\u6e08\u307f\u30a2\u30a4\u30c6\u30e0"]
GMAIL = """[general]
accounts = private
[Account private]
localrepository = private-local
remoterepository = private-remote
[Repository private-local]
type = Maildir
localfolders = ~/Gmail
[Repository private-remote]
type = Gmail
remoteuser = me@gmail.com
"""
MICROSOFT = GMAIL.replace("me@gmail.com", BOB).replace("[Account private]", "pythonfile = ~/mine.py\n[Account private]")


@pytest.fixture
def user(world: World, exchange: Exchange) -> World:
    """Return somebody with this package and a mailbox with mail."""
    exchange.add_mailbox(ALICE)
    exchange.fill(ALICE, per_folder=1)
    return product(world)


@pytest.fixture
def signed_in(user: World, entra: Entra, exchange: Exchange) -> World:
    """Return somebody who is signed in already."""
    sign_in_quickly(user, entra, exchange=exchange)
    return user


def home(user: World) -> Path:
    """Return the home directory."""
    return Path(user.environ["HOME"])


def messages(user: World, maildir: str = "Mail/alice") -> int:
    """Return how many messages are in a Maildir."""
    return sum(1 for path in (home(user) / maildir).rglob("*") if path.is_file() and path.parent.name in ("cur", "new"))


def on_server(exchange: Exchange) -> int:
    """Return how many messages of Alice are on the server and are mail."""
    contents = exchange.contents(ALICE)
    return sum(len(held) for name, held in contents.items() if holds_mail(name))


def written(user: World) -> list[str]:
    """Return the files in the home that are configurations of programs."""
    return sorted(path.name for path in home(user).glob(".*rc"))


@pytest.mark.parametrize(
    ("account", "identity", "folders"),
    [
        ("eve@outlook.com", "eve@outlook.com", FOLDERS),
        ("team@example.org", ALICE, FOLDERS),
        ("hanako@example.org", "hanako@example.org", JAPANESE),
    ],
    ids=["a personal account", "a shared mailbox", "a mailbox in Japanese"],
)
def test_any_mailbox_in_one_command(
    user: World, entra: Entra, exchange: Exchange, *, account: str, identity: str, folders: list[str]
) -> None:
    """Its folders are learned first, so the calendar is left out whatever its name; mail can be fetched and sent."""
    if identity != ALICE:
        entra.add_person(identity, PASSWORD)
    exchange.add_mailbox(account, folders)
    exchange.grant(identity, account)
    exchange.fill(account, per_folder=1)
    hosts = options(entra, exchange.imap_port, exchange.smtp_port)
    words = [account, "--yes", "--paste", "--identity", identity, *hosts]
    with Login(user, *words, command="setup") as setup, Browser(entra.ca_file) as browser:
        done = setup.paste(browser.sign_in(setup.address, identity, PASSWORD).address or "")
    maildir = home(user) / "Mail" / account.partition("@")[0]
    here = {utf7.decode(path.name) for path in maildir.iterdir()}
    mail = f"From: {account}\nTo: {BOB}\nSubject: Lunch\n\nToday?\n"
    sent = user.execute(["/usr/bin/msmtp", "-f", account, BOB], stdin=mail)

    assert done.code == 0, done.err
    assert messages(user, str(maildir)) == sum(
        len(held) for folder, held in exchange.contents(account).items() if folder.split("/")[0] in here
    )
    assert not {"Calendar", JAPANESE[0]} & here
    assert sent.code == 0, sent.err


def test_everything_by_default_and_undone(signed_in: World) -> None:
    """--yes asks nothing; a second run changes nothing; --undo removes what is still as written, and nothing else."""
    first = signed_in.run("setup", ALICE, "--yes")
    times = {name: (home(signed_in) / name).stat().st_mtime_ns for name in written(signed_in)}
    second = signed_in.run("setup", ALICE, "--yes")
    times_again = {name: (home(signed_in) / name).stat().st_mtime_ns for name in written(signed_in)}
    with (home(signed_in) / ".msmtprc").open("a") as file:
        file.write("# mine\n")
    undone = [signed_in.run("setup", ALICE, "--undo", "--yes") for _ in range(2)]

    assert [done.code for done in (first, second, *undone)] == [0] * 4, first.err + second.err
    assert list(times) == [".msmtprc", ".offlineimaprc"]
    assert times_again == times
    assert written(signed_in) == [".msmtprc"]
    assert messages(signed_in) > 0
    assert signed_in.run("token", ALICE).code == 0


@pytest.mark.parametrize("existing", [GMAIL, MICROSOFT], ids=["gmail", "another Microsoft account"])
def test_an_existing_configuration_gets_a_diff(signed_in: World, existing: str) -> None:
    """It is not changed; the diff applies, and then OfflineIMAP syncs the new account beside the old ones."""
    rc = home(signed_in) / ".offlineimaprc"
    rc.write_text(existing)
    first = signed_in.run("setup", ALICE, "--yes")
    unchanged = rc.read_text() == existing
    diff = first.out.partition("23 6 * * *")[0]
    subprocess.run(["patch", str(rc)], input=diff, text=True, check=True, capture_output=True)
    own = re.search(r"(?m)^exec\(open\(.*$", first.err)
    (home(signed_in) / "mine.py").write_text(f"{own[0]}\n" if own else "")
    second = signed_in.run("setup", ALICE, "--yes")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert unchanged
    assert bool(own) == (existing == MICROSOFT)
    assert "private, alice" in rc.read_text()
    assert messages(signed_in) > 0, second.err


def test_a_mailbox_that_is_refused(user: World, entra: Entra, exchange: Exchange) -> None:
    """Without a mailbox, or with IMAP switched off, it says so and that setup continues: 77, nothing is written."""
    sign_in_quickly(user, entra, BOB, exchange)

    done = user.run("setup", BOB, "--yes")

    assert (done.code, written(user)) == (77, []), done.err
    assert f"offlineimap-m365 setup {BOB}" in done.err


def answer_until(terminal: Terminal, step: str) -> None:
    """Press Enter at each question until that of *step* is asked."""
    asked = 1
    terminal.wait_for("(Enter:")
    while step not in terminal.screen:
        terminal.type("\r")
        asked += 1
        terminal.wait_for("(Enter:", times=asked)


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_run_that_was_interrupted_continues(signed_in: World, *, is_killed: bool) -> None:
    """Interrupted or killed at one question after the other, the next run finishes the work."""
    for step in ("Directory for the mail", "Write ~/", "Fetch the mail now"):
        with Terminal(signed_in, "setup", ALICE, columns=80) as terminal:
            answer_until(terminal, step)
            terminal.signal(signal.SIGKILL) if is_killed else terminal.type("\x03")
            done = terminal.end()
            assert terminal.is_as_before
        assert done.code == (-signal.SIGKILL if is_killed else 130), done.err
        assert is_killed or "run setup again" in done.err
    finished = signed_in.run("setup", ALICE, "--yes")

    assert finished.code == 0, finished.err
    assert messages(signed_in) > 0


@pytest.mark.parametrize(
    ("how", "code"),
    [("Ctrl-C", 130), ("the terminal is closed", 128 + signal.SIGHUP), ("kill -9", -signal.SIGKILL)],
)
def test_a_first_sync_that_was_ended_continues(signed_in: World, exchange: Exchange, how: str, code: int) -> None:
    """Ctrl-C and the end of the terminal end OfflineIMAP, too; whatever ended the sync, the next run finishes it."""
    exchange.fill(ALICE, per_folder=9)  # enough to be ended meanwhile
    with Terminal(signed_in, "setup", ALICE, columns=40) as terminal:
        terminal.press_enter(2)
        terminal.wait_for("(Enter:", times=3)
        exchange.slow_seconds = 0.5
        terminal.type("\r")
        terminal.wait_for("Copy message")
        if how == "Ctrl-C":
            terminal.type("\x03")
        elif how == "kill -9":
            terminal.signal(signal.SIGKILL)
            exchange.slow_seconds = 0  # OfflineIMAP is left, and hung up by the terminal after the folder
        else:
            terminal.signal_job(signal.SIGHUP)
        done = terminal.end()
    fetched = messages(signed_in)
    exchange.slow_seconds = 0
    finished = signed_in.run("setup", ALICE, "--yes")

    assert (done.code, finished.code) == (code, 0), done.err + finished.err
    assert how == "kill -9" or fetched < on_server(exchange)
    assert messages(signed_in) == on_server(exchange)


def test_a_first_sync_that_an_expired_token_cuts_is_run_again(signed_in: World, exchange: Exchange) -> None:
    """It is 75 with the command that continues, which then fetches the rest."""
    exchange.fill(ALICE, per_folder=9)  # enough to be cut
    with Terminal(signed_in, "setup", ALICE, columns=200) as terminal:
        terminal.press_enter(2)
        terminal.wait_for("(Enter:", times=3)
        exchange.slow_seconds = 0.5
        terminal.type("\r")
        fetched = 0
        while not any(text in terminal.screen for text in ("To continue: ", "The mail is here.")):
            if messages(signed_in) > fetched:  # OfflineIMAP survives an end between two messages
                fetched = messages(signed_in)
                exchange.end_sessions()
            time.sleep(0.05)
        done = terminal.end()
    exchange.slow_seconds = 0
    again = re.search(r"To continue: (offlineimap .*)", done.err)
    assert again, done.err
    finished = signed_in.execute([f"{Path(signed_in.command[0]).parent}/offlineimap", *again[1].split()[1:]])

    assert (done.code, finished.code) == (75, 0), finished.err
    assert messages(signed_in) == on_server(exchange)
