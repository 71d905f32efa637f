"""``setup`` in this process: what it asks, what it writes and adds, how it says that the first sync ended."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.folders.folder_filter import load_table
from offlineimap_m365.learn import classify, look
from offlineimap_m365.mail.folder_list import Folder
from offlineimap_m365.setup import mail_files, written_files
from offlineimap_m365.signin import login_session
from tests.in_process import run
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    import argparse

    from tests.world import World

BODY = "[Account one]\nlocalrepository = l\nremoterepository = r\n[Repository l]\ntype = Maildir\n[Repository r]\n"
RC, MSMTPRC, TIMER, SERVICE = ".offlineimaprc", ".msmtprc", "offlineimap-m365.timer", "offlineimap-m365.service"


@pytest.fixture
def home(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of Alice, who is signed in and has the programs; each writes its arguments to the file log."""
    invent(ALICE)
    for name, script in (("offlineimap", ""), ("msmtp", ""), ("systemctl", '[ "$2" != is-enabled ]')):
        install(world, name, script)
    monkeypatch.setenv("PATH", f"{world.root}/bin:/bin")
    folders = [Folder("INBOX"), Folder("Calendar")]
    view = look.View(folders, {}, classify.find_out(load_table(), folders))
    monkeypatch.setattr(look, "look", lambda *_: view)
    return Path(world.environ["HOME"])


def install(world: World, name: str, script: str) -> None:
    """Put a program on the PATH."""
    path = world.root / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{name} $*" >>{world.root}/log\n{script}\n')
    path.chmod(0o755)


def test_enter_is_enough(world: World, home: Path) -> None:
    """Four questions; files of mode 0600, units, the timer on, a sync; undo removes it all, after logout --all, too."""
    done = run("setup", ALICE, stdin="\n" * 9, is_terminal=True)
    files = {path.name: path for path in map(Path, written_files.unchanged(ALICE))}
    modes = {path.stat().st_mode & 0o777 for path in files.values()}
    log = (world.root / "log").read_text()
    forgotten = run("logout", ALICE, "--all")
    undone = run("setup", ALICE, "--undo", "--yes")

    assert (done.code, done.err.count("(Enter:"), forgotten.code, undone.code) == (0, 4, 0, 0)
    assert set(files) == {RC, MSMTPRC, TIMER, SERVICE}
    assert files[TIMER].parent == home / ".config/systemd/user"
    assert modes == {0o600}
    assert log.index("--user daemon-reload") < log.index(f"--user enable --now {TIMER}") < log.index("offlineimap -o")
    assert f"--user disable --now {TIMER}" in (world.root / "log").read_text()
    assert not any(path.exists() for path in files.values())


ANSWERS = {"-\nn\nn\nn\n": set(), "-\n\nn\n": {MSMTPRC}, "\nn\n\n": {TIMER, SERVICE}, "\ny\nn\nn\n": {RC, MSMTPRC}}


@pytest.mark.parametrize("typed", ANSWERS)
def test_no_is_an_answer(world: World, home: Path, typed: str) -> None:
    """What is refused is not written, switched on or fetched; a later run adds the rest without asking to sign in."""
    assert run("setup", ALICE, stdin=typed, is_terminal=True).code == 0
    log = (world.root / "log").read_text()
    assert {Path(path).name for path in written_files.written(ALICE)} == ANSWERS[typed]
    assert ("enable --now" in log, "offlineimap -o" in log) == (TIMER in ANSWERS[typed], False)

    assert run("setup", ALICE, "--yes").code == 0
    assert {Path(path).name for path in written_files.unchanged(ALICE)} == {RC, MSMTPRC, TIMER, SERVICE}


def test_programs_that_are_not_installed_are_named(world: World, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without msmtp its file is not written, and the summary names it."""
    (world.root / "bin/msmtp").unlink()
    monkeypatch.setenv("PATH", f"{world.root}/bin")

    done = run("setup", ALICE, "--yes")

    assert (done.code, (home / MSMTPRC).exists(), "Not installed: msmtp. " in done.err) == (0, False, True)


def test_a_directory_with_files_is_a_question(home: Path) -> None:
    """Mail is not mixed without a yes: by default OfflineIMAP is left out and the rest goes on."""
    (home / "Mail/alice/cur").mkdir(parents=True)

    assert run("setup", ALICE, "--yes").code == 0
    assert {path.name for path in home.glob(".*rc")} == {MSMTPRC}


@pytest.mark.parametrize("words", [[ALICE], [ALICE, "--undo"], []])
def test_without_a_terminal_yes_is_needed(home: Path, words: list[str]) -> None:
    """Who cannot answer has to take the defaults: 2, and nothing is asked or written."""
    done = run("setup", *words)

    assert (done.code, "--yes" in done.err) == (2, True)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "code", "command"),
    [
        ("exit 0", 0, "setup alice@example.org --undo"),
        ('for log; do :; done; echo "BYE AccessTokenExpired" >$log; exit 100', 75, "offlineimap -o -a alice"),
        ('for log; do :; done; echo "Could not lock account" >$log; exit 100', 75, "offlineimap -o -a alice"),
        ("exit 100", 75, "doctor alice@example.org --config ~/.offlineimaprc"),
    ],
)
def test_a_sync_is_done_cut_or_failed(world: World, home: Path, script: str, code: int, command: str) -> None:
    """A sync that did not finish is 75; one cut by an expired token is run again, after another the doctor looks."""
    install(world, "offlineimap", script)

    done = run("setup", ALICE, "--yes")

    assert done.code == code
    assert command in done.err


@pytest.mark.parametrize(
    ("general", "accounts"),
    [
        ("accounts: one,\n", "one, alice"),
        ("accounts = one,\n    two\n\n    \n", "one,\ntwo, alice"),
        ("# accounts = no\nui = basic\naccounts=one\n", "one, alice"),
        ("accounts = one\npythonfile = ~/mine.py\n", "one, alice"),
    ],
)
def test_the_diff_adds_the_account_and_nothing_else(world: World, home: Path, general: str, accounts: str) -> None:
    """Applied, the file has the account, our pythonfile where it had none, and every line it had before."""
    rc = home / RC
    rc.write_text(before := f"[general]\n{general}{BODY}")
    diff = run("setup", ALICE, "--yes").out
    subprocess.run(["/usr/bin/patch", str(rc)], input=diff, text=True, check=True, capture_output=True)

    parser = configparser.RawConfigParser()
    parser.read(rc)
    assert parser["general"]["accounts"] == accounts
    assert parser["general"]["pythonfile"] in ("~/mine.py", f"{world.home}/pythonfile.py")
    assert parser["Repository alice-remote"]["remoteuser"] == ALICE
    assert len([line for line in before.splitlines() if line not in rc.read_text().splitlines()]) <= 1
    file = mail_files.offlineimap(profiles.get(ALICE))
    assert (file.has_account, file.section) == (True, "alice")


@pytest.mark.parametrize("text", ["", "no section\n", "[general]\nui = basic\n", "[general]\naccounts = one\n[x"])
def test_what_cannot_be_read_gets_no_diff(home: Path, text: str) -> None:
    """A file that is none, or names no accounts, is not guessed at: doctor explains it."""
    (home / RC).write_text(text)

    done = run("setup", ALICE, "--yes")

    assert (done.code, done.out, (home / RC).read_text()) == (0, "", text)
    assert "doctor --config ~/.offlineimaprc" in done.err


def test_what_must_be_added_elsewhere_is_printed(world: World, home: Path) -> None:
    """What msmtp's file lacks and, without systemctl, a line for crontab are on stdout; nothing is changed."""
    (world.root / "bin/systemctl").unlink()
    (home / MSMTPRC).write_text("defaults\n")

    done = run("setup", "--yes")

    assert f"from {ALICE}" in done.out
    assert done.out.splitlines()[-1].endswith("refresh --quiet")
    assert (home / MSMTPRC).read_text() == "defaults\n"


def test_the_other_place_of_a_configuration_counts(home: Path) -> None:
    """OfflineIMAP and msmtp also look below ~/.config; where a file is there, no second one is written."""
    for name, text in (("offlineimap/config", BODY), ("msmtp/config", f"account a\nfrom {ALICE}\n")):
        path = mail_files.user_config() / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    account = profiles.get(ALICE)

    assert mail_files.offlineimap(account).path.name == "config"
    assert (mail_files.msmtp(account).path.name, mail_files.msmtp(account).has_account) == ("config", True)


def test_a_file_is_never_replaced(home: Path) -> None:
    """A second write changes nothing; a changed file is not in the list; a directory that takes nothing is 78."""
    path = home / "a/b"
    first, second = (written_files.write_new(ALICE, path, text) for text in ("one", "two"))
    listed = written_files.unchanged(ALICE)
    path.write_text("mine")
    (home / "closed").mkdir(mode=0o500)
    with pytest.raises(errors.Misconfigured, match="closed"):
        written_files.write_new(ALICE, home / "closed/file", "text")

    assert (first, second, listed) == (True, False, [str(path)])
    assert written_files.unchanged(ALICE) == []
    assert [entry.name for entry in path.parent.iterdir()] == ["b"]


@pytest.mark.parametrize("words", [["--client-id", "another"], ["--defaults"], []])
def test_a_sign_in_that_does_not_fit_is_done_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """New options, --defaults, or a sign-in that is gone lead to a login; an application is refused (2)."""
    asked: list[str] = []

    def sign_in(options: argparse.Namespace) -> profiles.Account:
        asked.append(options.account)
        return invent(ALICE)

    monkeypatch.setattr(login_session, "sign_in", sign_in)
    if not words:
        invent(ALICE, signed_in_at=None)

    assert run("setup", ALICE, "--yes", *words).code == 0
    assert asked == [ALICE]
    assert run("setup", ALICE, "--yes", "--app-only").code == 2


def test_without_the_permission_for_imap_nothing_is_fetched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mailbox is not looked at, and what sends mail is set up all the same; one that cannot be looked at is 75."""
    monkeypatch.setattr(look, "look", mock.Mock(side_effect=errors.Temporary("No network")))
    stopped = run("setup", ALICE, "--yes")
    is_written = (home / MSMTPRC).exists()
    invent(ALICE, scopes=("https://outlook.office.com/SMTP.Send",))

    assert (stopped.code, is_written) == (75, False)
    assert f"offlineimap-m365 setup {ALICE}" in stopped.err
    assert run("setup", ALICE, "--yes").code == 0
    assert (home / MSMTPRC).exists()
