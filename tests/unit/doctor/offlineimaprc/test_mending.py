"""What breaks in practice in an offlineimaprc is found with its line, and one diff mends it."""

from __future__ import annotations

import itertools
import re
import shutil

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.doctor.offlineimaprc import mailboxes
from offlineimap_m365.plugin import stub
from tests.signed_in_accounts import ALICE, invent
from tests.unit.offlineimaprc_file import (
    BOB,
    CLIENT_SECRET,
    EVAL,
    FILTER,
    GRANT,
    JWT,
    LOCAL,
    REMOTE,
    OfflineimaprcFile,
    own_pythonfile,
)

pytestmark = pytest.mark.once
IMAP = "outlook.office365.com:993"


# What is left as it is


def test_what_is_right_is_left_as_it_is(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """OfflineIMAP's options, Python, what ``config`` prints, another provider; a note for what is set in [DEFAULT]."""
    sample, addresses = config.text, ["team@example.org", "100%@example.org", "o'hara@example.org"]
    accounts = [invent(ALICE, imap=IMAP), invent("backup", imap=IMAP, kind="app-only")]
    gmail = (
        "[general]\naccounts = g\n[Account g]\nlocalrepository = l\nremoterepository = r\n[Repository l]\n"
        "type = Maildir\nlocalfolders = ~/g\n[Repository r]\ntype = Gmail\n"
    )
    for old, new in (
        ("", ""),
        ("", "[DEFAULT]\nremotepass = hunter2\n"),
        (f"remoteuser = {ALICE}", f"remoteuser = {ALICE.upper()}"),
        (FILTER, "folderfilter = make_folderfilter(\n  keep=[],\n  drop=['Archive'])"),
        (FILTER, "folderfilter = lambda name: re.match('INBOX', name)"),
        (REMOTE, f"{REMOTE}\ncreatefolders = yes\nreadonly = True\nmaxconnections = 2\nusecompression = yes"),
        *((sample, recipes.render("offlineimap", account, addresses)) for account in accounts),
        (sample, gmail),
    ):
        with subtests.test(new):
            config.write(sample)
            config.change(old, new)

            *notes, check = config.examine()

            assert [(note.name, note.ok) for note in notes] == [("config-remotepass", None)] * ("hunter2" in new)
            assert (check.name, check.ok) == ("config", True)
            assert check.meaning.startswith("No account" if new == gmail else "It syncs ")
            assert config.diff() == ""


# Who is signed in


def test_a_typing_error_is_not_another_person() -> None:
    """Two letters that changed places are one; another name or number is somebody else's mailbox."""
    similar = [("alcie@example.org", ALICE), ("alice@exmaple.org", ALICE)]
    others = [("rob@example.org", "bob@example.org"), ("team1@example.org", "team2@example.org")]
    others += [("alice@other.example", ALICE), ("", ALICE)]

    assert [pair for pair in [*similar, *others] if mailboxes.are_similar(*pair)] == similar


def test_what_was_right_comes_back(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """An alias, a typing error, a placeholder; a token of another person or of nobody; the stub of another home."""
    right = config.text
    other = config.path.parent / "pythonfile.py"
    other.write_bytes(stub.stub_path().read_bytes())
    for old, new in (
        (f"remoteuser = {ALICE}", "remoteuser = alice"),
        (f"remoteuser = {ALICE}", "remoteuser = alcie@example.org"),
        (f"remoteuser = {ALICE}", "remoteuser = <you@example.org>"),
        (f"pythonfile = {stub.stub_path()}", f"pythonfile = {other}"),
        (EVAL, f'oauth2_access_token_eval = get_access_token("{BOB}")'),
        (EVAL, "oauth2_access_token_eval = get_access_token()"),
    ):
        with subtests.test(new):
            if old == EVAL:
                invent(BOB, imap=IMAP)
            config.write(right)
            config.change(old, new)

            config.mend()

            assert config.text == right


# The pythonfile


def test_the_users_own_pythonfile_gets_our_functions(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """One line is added where code may begin; the user's functions come later, so they win."""
    for head, line in (
        ("", 0),
        ("#!/usr/bin/python3\n# -*- coding: utf-8 -*-\n", 2),
        ('"""What I need."""\nfrom __future__ import annotations\n', 2),
    ):
        with subtests.test(head):
            own = own_pythonfile(config, f"{head}import os\n\n\ndef secret(name):\n    return os.environ[name]\n")

            config.mend()

            lines = own.read_text(encoding="utf-8").split("\n")
            assert str(stub.stub_path()) in lines[line]
            assert lines[line + 1] == "import os"
            compile("\n".join(lines), "own.py", "exec")


def test_what_the_users_pythonfile_defines_is_the_users_own(
    config: OfflineimaprcFile, subtests: pytest.Subtests
) -> None:
    """However it is bound, where a star may bind it, and where it hides ours: it is not judged; a note offers ours."""
    sample, ours = config.text, "from offlineimap_m365 import folderfilter\n"
    hiding = "from offlineimap_m365 import *\ndef get_access_token(a, b, c=1):\n    return 'x'\n"
    bound = (
        "def mine():\n    return 'x'\n",
        "class mine(str):\n    pass\n",
        "mine = str\n",
        "from os import getcwd as mine\n",
        "from os import *\n",
        "import os as mine\n",
        "try:\n    from os import getcwd as mine\nexcept ImportError:\n    pass\n",
        "for mine in [str]:\n    pass\n",
    )
    for text, line in [(hiding, EVAL), *((ours + text, "oauth2_access_token_eval = mine()") for text in bound)]:
        with subtests.test(text):
            config.write(sample)
            own_pythonfile(config, text)
            config.change(EVAL, line)

            assert config.diff() == ""
            assert [check.ok for check in config.examine() if check.name == "config-oauth2-access-token-eval"] == [None]


# The Maildir


def second_account(config: OfflineimaprcFile) -> str:
    """Name the account team in the list, and return sections for it like those of work."""
    config.change("accounts = work", "accounts = work, team")
    return re.sub(r"\bwork(?=\b)", "team", config.text[config.text.index("[Account work]") :])


def test_two_accounts_in_one_maildir_are_parted(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """Each deletes what the other adds: the second gets a Maildir of its own, if need be with a section for it."""
    second = second_account(config)
    sample = config.text
    for text in (second, "[Account team]\nremoterepository = work-remote\nlocalrepository = work-local\n"):
        with subtests.test(text):
            config.write(sample + text)

            failed = config.mend()

            assert failed
            assert config.left == []
            assert config.text.count(f"localfolders = {config.path.parent}/mail-team\n") == 1
            assert config.text.count(f"localfolders = {config.path.parent}/mail\n") == 1


def test_repositories_that_were_swapped_change_places(config: OfflineimaprcFile) -> None:
    """Each of two accounts names the server that is called like the other: their mail would be mixed."""
    invent(BOB, imap=IMAP)
    second = second_account(config).replace(ALICE, BOB).replace("/mail\n", "/team\n")
    config.write(config.text + second)
    right = config.text
    others = {"work": "team", "team": "work"}
    config.write(re.sub("(?<=remoterepository = )(work|team)", lambda match: others[match[0]], right))

    failed = config.mend()

    assert {check.name for check in failed} == {"config-remoterepository"}
    assert config.text == right


def test_the_maildir_on_the_disk_decides(config: OfflineimaprcFile, subtests: pytest.Subtests) -> None:
    """With another ``sep``, or our names for the server's, all is downloaded again; one with both layouts is right."""
    sample, mail = config.text, config.path.parent / "mail"
    renaming = sample.replace(LOCAL, f"{LOCAL}\nnametrans = nametrans_local") + "nametrans = nametrans_remote\n"
    config.write(renaming)
    assert config.diff() == ""
    for text, folders, right in (
        (sample, ("INBOX", "Sent", "Sent.2024"), "sep = ."),
        (sample.replace("sep = /", "sep = ."), ("INBOX", "Sent", "Sent/2024"), "sep = /"),
        (sample.replace("sep = /\n", ""), ("INBOX", "Sent/2024"), "sep = /"),
        (sample, ("INBOX", "v1.0 stuff"), "sep = /"),
        (sample, ("Sent", "Sent.2024", "Sent/2024"), "sep = /"),
        (renaming, ("INBOX", "Sent Items"), "sep = /"),
    ):
        with subtests.test(str(folders)):
            shutil.rmtree(mail, ignore_errors=True)
            for path in (mail / folder / part for folder in folders for part in ("cur", "new", "tmp")):
                path.mkdir(parents=True)
            config.write(text)

            config.mend()

            assert f"\n{right}\n" in config.text
            assert "\nnametrans" not in config.text


def test_a_secret_is_never_shown_wherever_it_is(config: OfflineimaprcFile) -> None:
    """In the place of any value, or behind one, neither it nor its beginning is shown (examine() looks for that)."""
    lines = config.text.split("\n")
    secrets = itertools.cycle([JWT, GRANT, CLIENT_SECRET])  # three for four forms: each form and each line gets all
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            name, _, value = line.partition(" = ")
            for form in ("{name} = {secret}", "{name} = {value}{secret}", "{name} {secret}", '{name} = x("{secret}"'):
                text = form.format(name=name, value=value, secret=next(secrets))
                config.write("\n".join([*lines[:number], text, *lines[number + 1 :]]))

                assert config.examine()
