"""What the doctor finds between an offlineimaprc and the rest: its file, accounts, mailboxes and Maildirs."""

from __future__ import annotations

import os
import re
import shutil
from unittest import mock

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.accounts import profiles
from offlineimap_m365.doctor.offlineimaprc import evals, maildir
from offlineimap_m365.provider.msal_cache import AccessToken
from tests.kept import ALICE, invent
from tests.unit.desk import (
    BOB,
    EVAL,
    LAMBDA,
    LOCAL,
    REMOTE,
    Desk,
    make_maildir,
)

# The file itself


#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666, 0o660])
def test_a_file_of_others_is_closed(desk: Desk, mode: int) -> None:
    """Who may change it has OfflineIMAP run their Python, and who may read it reads what lies in it."""
    desk.path.chmod(mode)

    check = desk.only("config-mode")
    desk.follow(check)

    assert ("change" if mode & 0o022 else "read") in check.meaning
    assert desk.found() == []


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16"])
def test_a_file_in_other_characters_is_converted(desk: Desk, encoding: str) -> None:
    """The line is named, and the command makes UTF-8 of the file without opening it to others."""
    desk.change("# Mail only", "# M\u00fcll: Mail only")
    line = next(number for number, text in enumerate(desk.text.split("\n"), 1) if "M\u00fcll" in text)
    desk.path.write_bytes(desk.text.encode(encoding))

    check = desk.only("config-encoding")
    desk.follow(check)

    assert check.line == (line if encoding == "iso-8859-1" else 1)
    assert "M\u00fcll" in desk.text
    assert desk.found() == []
    assert [path.name for path in desk.path.parent.glob("offlineimaprc*")] == ["offlineimaprc"]


def test_a_file_that_is_not_there_is_made_by_a_command(desk: Desk) -> None:
    """The command prints a whole one, and closes it."""
    desk.path.unlink()

    check = desk.only("config-file")

    assert check.remedy.endswith(f"Run: offlineimap-m365 config offlineimap >{desk.path} && chmod 600 {desk.path}")


@pytest.mark.parametrize("kind", ["directory", "pipe", "large"])
def test_what_is_no_such_file_does_not_stop_it(desk: Desk, kind: str) -> None:
    """A directory, a pipe that nobody writes into and a file without end are named, not waited for nor written to."""
    desk.path.unlink()
    if kind == "directory":
        desk.path.mkdir()
    elif kind == "pipe":
        os.mkfifo(desk.path, 0o600)
    else:
        desk.write("#" * (16 << 20) + "\n\n")

    assert desk.only("config-file").remedy.endswith("Run: offlineimap-m365 doctor --config ~/.offlineimaprc")


def test_in_a_directory_the_file_of_offlineimap_is_found(desk: Desk) -> None:
    """Who names the directory of an offlineimaprc is told its file."""
    desk.path.unlink()
    desk.path.mkdir()
    (desk.path / "config").write_text("", encoding="utf-8")

    assert desk.only("config-file").remedy.endswith(f"doctor --config {desk.path}/config")


@pytest.mark.parametrize(("uid", "remedy"), [(0, "sudo chown $(id -un) {0} && chmod 600 {0}"), (None, "chmod 600 {0}")])
def test_a_file_of_another_user_is_taken_back_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, uid: int | None, remedy: str
) -> None:
    """What a sudo left behind belongs to root, who alone can close it."""
    desk.path.chmod(0o644)
    if uid is not None:
        monkeypatch.setattr("os.getuid", lambda: desk.path.stat().st_uid + 1)

    assert desk.only("config-mode").remedy == f"Run: {remedy.format(desk.path)}"


def test_what_is_closed_to_its_owner_is_opened(desk: Desk) -> None:
    """A file that nobody may read is opened for its owner."""
    desk.path.chmod(0)

    check = desk.only("config-file")

    assert check.remedy == f"Run: chmod 600 {desk.path}"


def test_of_many_mailboxes_ten_are_named(online: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``config`` prints for many mailboxes is read whole, and each account of this home once."""
    account = invent("backup", imap="outlook.office365.com:993", kind="app-only")
    online.subjects = []
    online.write(recipes.render("offlineimap", account, [f"m{number}@example.org" for number in range(60)]))
    load = mock.Mock(side_effect=profiles.load)
    monkeypatch.setattr(profiles, "load", load)

    found = online.examine()[-1]

    assert (found.name, found.ok) == ("config", True)
    assert found.meaning.endswith("m9@example.org (m9) and 50 more")
    assert load.call_count <= 3 * len(profiles.names())


def test_an_empty_file_has_a_command_that_fills_it(desk: Desk) -> None:
    """What ``config`` prints is a whole file."""
    desk.write("")

    check = desk.only("config-accounts")
    desk.write(recipes.render("offlineimap", profiles.get(ALICE)))

    assert check.remedy == f"Run: offlineimap-m365 config offlineimap >>{desk.path}"
    assert desk.found() == []


@pytest.mark.parametrize("kind", ["delegated", "app-only"])
def test_what_config_prints_is_well(online: Desk, kind: str) -> None:
    """For a shared mailbox, and for an application with many, all lines fit, whatever an address looks like."""
    name = "backup" if kind == "app-only" else ALICE
    account = invent(name, imap="outlook.office365.com:993", kind=kind)
    online.subjects = []
    boxes = ["team@example.org", "100%@example.org", "o'hara@example.org"]

    online.write(recipes.render("offlineimap", account, boxes))

    found = online.examine()
    assert [(check.name, check.ok) for check in found if check.name != "config-interpreter"] == [("config", True)]
    assert all(box in found[-1].meaning for box in boxes)


def test_other_providers_are_left_alone(desk: Desk) -> None:
    """Whatever a repository of another provider says is nobody's business here, its password least of all."""
    desk.change("accounts = work", "accounts = work, home")
    desk.write(
        desk.text + "[Account home]\nlocalrepository = hl\nremoterepository = hr\n[Repository hl]\ntype = Maildir\n"
        "localfolders = ~/home\n[Repository hr]\ntype = IMAP\nremotehost = imap.example.com\nremoteuser = x\n"
        "remotepass = 100%hunter2\nssl = no\nfolderfilter = lambda: broken\noauth2_refresh_token = other\n"
    )

    found = desk.examine()

    assert [(check.name, check.ok) for check in found if check.name != "config-interpreter"] == [("config", True)]
    assert "hunter2" not in str(found)


def test_a_file_without_a_mailbox_of_microsofts_is_not_judged(desk: Desk) -> None:
    """It may be right; that there is nothing to look at is said."""
    desk.write(
        "[general]\naccounts = g\n[Account g]\nlocalrepository = l\nremoterepository = r\n"
        "[Repository r]\ntype = Gmail\n"
    )

    assert [(check.name, check.ok) for check in desk.examine()] == [("config", None)]


def test_a_backup_is_information(desk: Desk) -> None:
    """Readonly is no fault; that nothing reaches the server is said, since no build of OfflineIMAP does."""
    desk.change("#readonly = True", "readonly = True")

    found = desk.examine()

    assert [check.ok for check in found if check.name == "config"] == [True]
    assert "readonly" in found[-1].meaning


# Accounts and mailboxes


def test_an_account_that_never_signed_in_has_its_command(desk: Desk) -> None:
    """The sign-in that the line asks for is missing, and the command makes it."""
    desk.change(f"remoteuser = {ALICE}", "remoteuser = carol@example.com")

    check = desk.only("config-account")
    desk.follow(check)

    assert check.remedy == "Run: offlineimap-m365 login carol@example.com"
    assert desk.line(check).startswith(EVAL[:24])
    assert desk.found() == []


def test_who_never_signed_in_hears_it_once(desk: Desk) -> None:
    """With no account at all the sample filled in lacks the sign-in, and nothing else."""
    shutil.rmtree(profiles.get(ALICE).folder)
    desk.subjects = []

    check = desk.only("config-account")
    desk.follow(check)

    assert check.remedy == f"Run: offlineimap-m365 login {ALICE}"
    assert desk.found() == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("alcie@example.org", ALICE, True),
        ("alice@exmaple.org", ALICE, True),
        ("ALICE@example.org", ALICE, True),
        ("rob@example.org", "bob@example.org", False),
        ("team@example.org", ALICE, False),
        ("alice@other.example", ALICE, False),
        ("", ALICE, False),
    ],
)
def test_a_slip_of_the_pen_is_no_other_person(one: str, other: str, alike: bool) -> None:
    """Two letters that changed places are one; another name is somebody else's."""
    assert evals.are_alike(one, other) == alike


def test_without_a_name_there_can_be_one_account_only(desk: Desk) -> None:
    """Who signs a second account in breaks a line that names none; the mailbox says which is meant."""
    desk.change(EVAL, "oauth2_access_token_eval = get_access_token()")
    assert desk.found() == []
    invent(BOB, imap="outlook.office365.com:993")

    check = desk.only("config-which-account")
    desk.follow(check)

    assert EVAL in desk.text
    assert desk.found() == []


def test_a_mailbox_that_stays_closed_is_for_its_administrator(online: Desk) -> None:
    """Who has no permission on a shared mailbox gets the command that gives it."""
    online.change(f"remoteuser = {ALICE}", "remoteuser = team@example.org")
    online.change(EVAL, EVAL.replace("%(remoteuser)s", ALICE))
    online.refuses = ("team@example.org",)

    check = online.only("config-mailbox")
    online.refuses = ()

    assert check.remedy.startswith("In PowerShell: Add-MailboxPermission")
    assert online.line(check) == "remoteuser = team@example.org"
    assert check.mailbox == "team@example.org"
    assert online.found() == []


def test_a_mailbox_is_one_line(online: Desk) -> None:
    """What stands in the lines below remoteuser is part of the name, and makes no line of a command."""
    online.change(f"remoteuser = {ALICE}", "remoteuser = info@example.org\n  reboot")
    online.change(EVAL, f'oauth2_access_token_eval = get_access_token("{ALICE}", 1800)')

    found = online.examine()

    assert "config-remoteuser" in {check.name for check in found if check.ok is False} or online.opened
    assert not [text for text in (*online.opened, *(check.remedy for check in found)) if "\n" in text]


def test_a_slip_in_the_mailbox_is_mended(online: Desk) -> None:
    """An address that is the account's but for a slip of the pen is no other mailbox."""
    online.change(f"remoteuser = {ALICE}", "remoteuser = alcie@example.org")
    online.change(EVAL, EVAL.replace("%(remoteuser)s", ALICE))
    online.refuses = ("alcie@example.org",)

    online.follow(online.only("config-mailbox"))

    assert f"remoteuser = {ALICE}" in online.text
    assert online.found() == []


def test_what_failed_before_is_not_named_again(online: Desk) -> None:
    """An account whose mailbox did not open in its own checks is not tried again."""
    online.subjects[0].failed.add("imap-mailbox")
    online.subjects[0].token = AccessToken("a token", 0, 1)
    online.refuses = (ALICE,)

    assert online.found() == []
    assert online.opened == []


def test_a_busy_server_gets_one_connection(online: Desk) -> None:
    """What throttles is asked by one connection only; where one is all there is, waiting is all that helps."""
    online.change(REMOTE, f"{REMOTE}\nmaxconnections = 4")
    online.busy = True

    check = online.only("config-throttled")
    online.follow(check)

    assert online.line(check) == "maxconnections = 1"
    assert online.found() == []


def test_two_accounts_in_one_maildir_are_parted(desk: Desk) -> None:
    """Each would delete what the other brought."""
    second = re.sub(r"\bwork(?=\b)", "team", desk.text[desk.text.index("[Account work]") :])
    desk.change("accounts = work", "accounts = work, team")
    desk.write(desk.text + second)

    check = desk.only("config-same-maildir")
    desk.follow(check)

    assert desk.found() == []
    assert f"{desk.path.parent}/mail-team" in desk.text


def test_two_accounts_with_one_local_repository_are_parted(desk: Desk) -> None:
    """The same in one section: the second gets a section of its own."""
    desk.change("accounts = work", "accounts = work, team")
    desk.write(desk.text + "[Account team]\nremoterepository = work-remote\nlocalrepository = work-local\n")

    desk.follow(desk.only("config-same-maildir"))

    assert desk.found() == []
    assert "localrepository = team-own-local" in desk.text


# Folders on both sides


def test_a_renaming_is_tried_on_the_live_folders(online: Desk) -> None:
    """Two lambdas that undo each other on the usual folders fail on a folder that only this mailbox has."""
    online.change(REMOTE, f"{REMOTE}\nnametrans = lambda f: {{'Sent Items': 'Sent'}}.get(f, f)")
    online.change(LOCAL, f"{LOCAL}\nnametrans = lambda f: {{'Sent': 'Sent Items'}}.get(f, f)")
    online.folders = ("INBOX", "Sent Items", "Projects")
    assert online.found() == []
    online.folders = ("INBOX", "Sent Items", "Sent", "Projects")

    check = online.only("config-nametrans-twins")
    online.follow(check)

    assert "this mailbox's" in check.meaning
    assert online.line(check) == "nametrans = nametrans_remote"
    online.follow(online.only("config-nametrans"))
    assert online.found() == []


def test_sides_of_two_pairs_do_not_fit(desk: Desk) -> None:
    """make_nametrans on one side and the plain function on the other make folders on the server."""
    desk.change(REMOTE, f'{REMOTE}\nnametrans = make_nametrans({{"Sent Items": "Gesendet"}})[0]')
    desk.change(LOCAL, f"{LOCAL}\nnametrans = nametrans_local")

    desk.follow(desk.only("config-nametrans"))

    assert 'nametrans = make_nametrans({"Sent Items": "Gesendet"})[1]' in desk.text
    assert desk.found() == []


def test_renaming_the_other_way_round_is_harmless(desk: Desk) -> None:
    """The two plain functions are one permutation, which is its own inverse: nothing to find."""
    desk.change("#nametrans = nametrans_local", "nametrans = nametrans_remote")
    desk.change("#nametrans = nametrans_remote", "nametrans = nametrans_local")

    assert desk.found() == []


def test_names_in_unicode_are_told_to_the_renaming(desk: Desk) -> None:
    """utf8foldernames hands names over in Unicode; each side is told, one after the other."""
    desk.change("[Account work]", "[Account work]\nutf8foldernames = yes")
    desk.change(REMOTE, f'{REMOTE}\nnametrans = make_nametrans({{"Sent Items": "Ges\u00e4ndet"}})[0]')
    desk.change(LOCAL, f'{LOCAL}\nnametrans = make_nametrans({{"Sent Items": "Ges\u00e4ndet"}})[1]')

    for _ in range(2):
        desk.follow(desk.only("config-utf8"))

    assert desk.text.count("utf8=True") == 2
    assert desk.found() == []


def test_what_was_learnt_of_a_mailbox_belongs_into_the_filter(online: Desk) -> None:
    """Where --learn found more that is no mail, the plain filter keeps it; the line is the one that folders prints."""
    finding = {
        "not_mail": ["Agenda"],
        "mail": [],
        "languages": ["nl"],
        "names": {},
        "learnt_at": "2026-01-01T00:00:00Z",
    }
    invent(ALICE, imap="outlook.office365.com:993", mailboxes={ALICE: finding})
    online.folders = ("INBOX", "Agenda", "Sent Items")

    check = online.only("config-filter-keeps")
    online.follow(check)

    assert "Agenda" in check.meaning
    assert f'folderfilter = make_folderfilter(account="{ALICE}")' in online.text
    assert online.found() == []


def test_what_somebody_wants_so_is_no_fault(online: Desk) -> None:
    """A list of what is wanted, our function with one's own words, and folders that are written out are meant."""
    for line in (
        'make_folderfilter(drop=["Projects"])',
        'make_folderfilter(keep=["Calendar"])',
        'make_folderfilter(also=lambda name: name in ("INBOX", "Sent Items"))',
        "lambda name: name in ['INBOX', 'Projects']",
        f"{LAMBDA} and name != 'Projects'",
    ):
        online.write(re.sub(r"^folderfilter = .*$", f"folderfilter = {line}", online.text, flags=re.MULTILINE))

        assert online.found() == [], line


@pytest.mark.parametrize(
    ("sep", "folders"), [("/", ("INBOX", "Sent", "Sent.2024")), (".", ("INBOX", "Sent", "Sent/2024"))]
)
def test_a_sep_that_was_changed_is_put_back(desk: Desk, sep: str, folders: tuple[str, ...]) -> None:
    """The Maildir on the disk says how it was laid out; with another sep all nested folders would come again."""
    desk.change("sep = /", f"sep = {sep}")
    make_maildir(desk, *folders)

    check = desk.only("config-sep")
    desk.follow(check)

    assert desk.line(check) == f"sep = {'.' if sep == '/' else '/'}"
    assert desk.found() == []


def test_a_sep_that_was_taken_out_is_put_back(desk: Desk) -> None:
    """Without it OfflineIMAP takes the dot."""
    desk.change("sep = /\n", "")
    make_maildir(desk, "INBOX", "Sent/2024")

    desk.follow(desk.only("config-sep"))

    assert f"{LOCAL}\nsep = /" in desk.text
    assert desk.found() == []


def test_a_directory_that_is_no_maildir_is_not_looked_through(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the root of a machine or of a file server: so many directories, and no more."""
    monkeypatch.setattr(maildir, "_MOST", 10)
    place = desk.path.parent / "mail"
    for number in range(30):
        (place / str(number)).mkdir(parents=True)
    looked: list[str] = []
    scan = os.scandir

    def note(path: str = ".") -> object:
        looked.append(str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", note)

    assert desk.found() == []

    assert len([path for path in looked if path.startswith(str(place))]) == 10


@pytest.mark.parametrize("folders", [("INBOX", "v1.0 stuff"), ("Sent", "Sent.2024", "Sent/2024"), ()])
def test_a_maildir_that_says_nothing_is_not_judged(desk: Desk, folders: tuple[str, ...]) -> None:
    """A dot in a name is no level, and of a Maildir with both layouts nobody can say which was first."""
    make_maildir(desk, *folders)

    assert desk.found() == []


@pytest.mark.parametrize("there", [(), ("Sent", "Sent.2024")])
def test_a_folder_with_a_dot_is_not_skipped_in_silence(online: Desk, there: tuple[str, ...]) -> None:
    """In a new Maildir another sep lets it come; where that would bring all again, it is left out knowingly."""
    online.change("sep = /\n", "")
    make_maildir(online, *there)
    online.folders = ("INBOX", "v1.0 stuff", "Sent Items")

    check = online.only("config-dots")
    online.follow(check)

    assert "v1.0 stuff" in check.meaning
    assert ("drop=['v1.0 stuff']" if there else f"{LOCAL}\nsep = /") in online.text
    assert online.found() == []


def test_createfolders_names_the_folder_that_the_server_lacks(online: Desk) -> None:
    """Mail that is moved there is lost, so it is named."""
    online.change(REMOTE, f"{REMOTE}\ncreatefolders = False")
    make_maildir(online, "INBOX", "Made here")

    check = online.only("config-createfolders")

    assert "Made here" in check.meaning


# Several at once


def test_what_has_several_causes_is_told_whole(desk: Desk) -> None:
    """Lines that have nothing to do with one another are each told at the first look, not one after the other."""
    desk.change("auth_mechanisms = XOAUTH2", "")
    desk.change(EVAL, "oauth2_access_token_eval = offlineimap-m365 token alice@example.org")
    desk.change("folderfilter = folderfilter", "folderfilter = lambda name: name != 'Calendar'\ncreatefolders = False")

    found = {check.name for check in desk.found()}

    assert found == {"config-auth-mechanisms", "config-eval-shell", "config-filter-keeps", "config-createfolders"}
