"""What setup writes, and what it adds to a configuration that exists."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import environment, errors
from offlineimap_m365.setup import mail_files, timer, written_files
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World

HEAD = "[general]\naccounts = one\n"
BODY = "[Account one]\nlocalrepository = l\nremoterepository = r\n[Repository l]\ntype = Maildir\n[Repository r]\n"


def rc(world: World) -> Path:
    """Return the path of the .offlineimaprc."""
    return Path(world.environ["HOME"]) / ".offlineimaprc"


@pytest.mark.parametrize(
    ("general", "accounts"),
    [
        ("accounts = one\n", "one, alice"),
        ("accounts: one,\n", "one, alice"),
        ("accounts = one,\n    two\n\n    \n", "one,\ntwo, alice"),
        ("# accounts = no\nui = basic\naccounts=one\n", "one, alice"),
        ("accounts = one\npythonfile = ~/mine.py\n", "one, alice"),
    ],
)
def test_the_diff_adds_the_account_and_nothing_else(world: World, general: str, accounts: str) -> None:
    """Applied, the file has the account, our pythonfile where it had none, and every line it had before."""
    account = invent()
    rc(world).write_text(before := f"[general]\n{general}{BODY}")
    file = mail_files.offlineimap(account)
    diff = mail_files.addition(account, file)
    assert diff is not None
    subprocess.run(["patch", str(rc(world))], input=diff + "\n", text=True, check=True, capture_output=True)

    parser = configparser.RawConfigParser()
    parser.read(rc(world))
    assert parser["general"]["accounts"] == accounts
    assert parser["general"]["pythonfile"] in ("~/mine.py", str(world.home / "pythonfile.py"))
    assert parser["Repository alice-remote"]["remoteuser"] in (ALICE, "%(mailbox)s")
    lost = [line for line in before.splitlines() if line not in rc(world).read_text().splitlines()]
    assert len(lost) <= 1
    assert mail_files.offlineimap(account).has_account
    assert mail_files.offlineimap(account).section == "alice"


@pytest.mark.parametrize("text", ["", "no section\n", "[general]\nui = basic\n", "[general]\naccounts = one\n[x"])
def test_what_cannot_be_read_gets_no_diff(world: World, text: str) -> None:
    """A file that is none, or names no accounts, is not guessed at."""
    rc(world).write_text(text)
    account = invent()

    assert mail_files.addition(account, mail_files.offlineimap(account)) is None


def test_the_other_place_of_a_configuration_counts(world: World) -> None:
    """OfflineIMAP and msmtp also look below ~/.config; where a file is there, no second one is written."""
    assert world
    account = invent()
    for name in ("offlineimap/config", "msmtp/config"):
        path = Path(environment.user_config()) / name
        path.parent.mkdir(parents=True)
        path.write_text(f"{HEAD}{BODY}from {ALICE}\n" if "offlineimap" in name else f"account a\nfrom {ALICE}\n")

    assert mail_files.offlineimap(account).path.name == "config"
    assert (mail_files.msmtp(account).path.name, mail_files.msmtp(account).has_account) == ("config", True)


def test_a_file_is_never_replaced(world: World) -> None:
    """A second write changes nothing; a file that was changed is not in the list of unchanged ones."""
    account, path = invent(), Path(world.environ["HOME"]) / "a/b"
    first, second = (written_files.write_new(account.name, path, text) for text in ("one", "two"))
    listed = written_files.unchanged(account.name)
    path.write_text("mine")

    assert (first, second, listed) == (True, False, [str(path)])
    assert written_files.unchanged(account.name) == []
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["b"]


def test_a_directory_that_takes_nothing_is_named(world: World) -> None:
    """It is 78, with the directory."""
    account, folder = invent(), Path(world.environ["HOME"]) / "closed"
    folder.mkdir(mode=0o500)

    with pytest.raises(errors.Misconfigured, match="closed"):
        written_files.write_new(account.name, folder / "file", "text")


def test_the_timer_is_made_of_units_that_systemd_takes(world: World, tmp_path: Path) -> None:
    """Both files pass systemd's own check, and are switched on by their names."""
    assert world
    for path, text in timer.units():
        (tmp_path / path.name).write_text(text)
        assert path.parent.name == "user"
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(tmp_path / timer.TIMER)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


def test_systemd_is_told_what_to_do(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon is reloaded before the timer is enabled; without systemctl there is no timer."""
    assert world
    log = tmp_path / "log"
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    answers = (timer.has_systemd(), timer.enable(), timer.disable())
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    assert answers == (True, True, True)
    assert log.read_text().splitlines()[1:] == [
        "--user daemon-reload",
        f"--user enable --now {timer.TIMER}",
        f"--user disable --now {timer.TIMER}",
    ]
    assert not timer.has_systemd()
    assert timer.crontab_line().startswith("23 6 * * *")
