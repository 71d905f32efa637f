"""What breaks in practice in an offlineimaprc is found with its line, and one diff mends it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365 import recipes
from offlineimap_m365.accounts import profiles
from offlineimap_m365.doctor.offlineimaprc import mailboxes, usual_file
from offlineimap_m365.folders import learned
from offlineimap_m365.plugin import stub
from tests import unified_diff
from tests.signed_in_accounts import ALICE, invent
from tests.unit.offlineimaprc_file import (
    BOB,
    EVAL,
    FILTER,
    GRANT,
    JWT,
    LOCAL,
    REMOTE,
    SECRETS,
    OfflineimaprcFile,
    make_maildir,
    make_offlineimaprc,
    own_pythonfile,
)

if TYPE_CHECKING:
    from tests.world import World

pytestmark = pytest.mark.once
CASES = Path(__file__).parents[3] / "data" / "cases"
PEOPLE = json.loads((CASES / "people.json").read_text(encoding="utf-8"))
EXPECTED = json.loads((CASES / "rc" / "expect.json").read_text(encoding="utf-8"))
WAYS = json.loads((CASES / "ways.json").read_text(encoding="utf-8"))
IMAP = "outlook.office365.com:993"


def place_case(world: World, name: str) -> OfflineimaprcFile:
    """Return the case *name* with its files and with who is signed in."""
    for person, kind in EXPECTED[name].get("people", PEOPLE).items():
        tenant = learned.PERSONAL_TENANT if kind == "personal" else "11111111-1111-4222-8333-444444444444"
        invent(profiles.clean_name(person), imap=IMAP, tenant=tenant)
    pythonfile = stub.write_stub() if EXPECTED[name].get("people", PEOPLE) else stub.stub_path()
    for source in (CASES / "rc").glob(f"{name}.*"):
        text = source.read_text(encoding="utf-8").replace("@DIR@", str(world.root)).replace("@STUB@", str(pythonfile))
        (world.root / source.name).write_text(text.replace("@CA@", str(world.root / "ca.pem")), encoding="utf-8")
        (world.root / source.name).chmod(0o600)
    return OfflineimaprcFile(world.root / f"{name}.rc", [])


@pytest.mark.parametrize("name", [name for name, case in EXPECTED.items() if "args" not in case])
def test_real_configurations_give_what_is_expected(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is found, what is right is kept as it is, and after one diff there is nothing left to mend."""
    monkeypatch.setenv("PATH", str(world.root))  # no OfflineIMAP is there
    config, expected = place_case(world, name), EXPECTED[name]
    lines = config.text.splitlines()
    checks = [check for check in config.examine() if check.name != "config"]
    found = " ".join(f"{check.file}:{check.line} {check.meaning} {check.remedy.text}" for check in checks)
    diff = config.diff()

    unified_diff.apply(diff)

    assert [text for text in expected["problems"] if not re.search(text, found, re.IGNORECASE)] == []
    assert [text for text in expected["silent"] if re.search(text, found, re.IGNORECASE)] == []
    assert expected["exit"] in (None, int(any(check.ok is False for check in checks)))
    assert bool(diff) == expected.get("diff", bool(expected["exit"]))
    assert config.diff() == ""
    kept = [line for line in lines for text in expected["keep"] if line.startswith(text.partition("@")[0])]
    assert set(kept) <= set(config.text.splitlines())
    assert len(kept) >= len(expected["keep"])


def broken(name: str) -> tuple[str, str, str]:
    """Return the text that a way to break the sample replaces, the new text, and how the line begins that is found."""
    values = {"@ALICE@": ALICE, "@JWT@": JWT, "@GRANT@": GRANT, "@MODULE@": str(stub.__file__)}
    texts = [re.sub(r"@[A-Z]+@", lambda match: values[match[0]], text) for text in WAYS[name]]
    return texts[0], texts[1], texts[2] if len(texts) > 2 else texts[1].splitlines()[0]


def test_the_sample_has_nothing_wrong(config: OfflineimaprcFile) -> None:
    """The shipped sample, filled in, is right, and the check says what it syncs."""
    checks = config.examine()

    assert [(check.name, check.ok) for check in checks if check.ok is not None] == [("config", True)]
    assert ALICE in checks[-1].meaning


@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_break_the_sample_is_found_and_mended(config: OfflineimaprcFile, name: str) -> None:
    """A finding has the line; after one diff nothing is wrong, and no secret is left in the file."""
    old, new, start = broken(name)
    config.change(old, new)
    lines = config.text.split("\n")

    failed = config.mend()

    assert any(lines[(check.line or 1) - 1].startswith(start) for check in failed)
    assert all(check.meaning and check.remedy.text and check.diff for check in failed)
    assert config.failed() == []
    assert not any(secret in config.text for secret in SECRETS)


def mutations(text: str) -> list[str]:
    """Return *text* with one line left out, doubled, indented, misspelt, or moved below the next one."""
    lines = text.split("\n")
    changed = []
    for at, line in enumerate(lines[:-1]):
        before, after = lines[:at], lines[at + 1 :]
        news: tuple[list[str], ...] = ([], [line, line], [f"  {line}"], [line[:3] + line[4:]], [line[:-3] + line[-2:]])
        changed += [[*before, *new, *after] for new in news]
        changed.append([*before, after[0], line, *after[1:]])
    return ["\n".join(new) for new in changed]


@pytest.mark.parametrize("name", ["sample", *EXPECTED])
def test_after_one_diff_there_is_no_other(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a line of a real configuration or of the sample is changed."""
    monkeypatch.setenv("PATH", str(world.root))
    config = make_offlineimaprc(world) if name == "sample" else place_case(world, name)
    own = {path: path.read_bytes() for path in world.root.glob("*.py")}

    for text in mutations(config.text)[::23]:
        for path, content in own.items():
            path.write_bytes(content)
        config.write(text)
        config.mend()


def test_what_a_fault_hides_is_found_in_the_same_run(config: OfflineimaprcFile) -> None:
    """White space, quotes and a misspelt header do not keep other lines from being checked."""
    config.change(f"remoteuser = {ALICE}", f'  remoteuser = "{ALICE}"')
    config.change("auth_mechanisms = XOAUTH2", "auth_mechanisms = LOGIN")
    config.change("[Account work]", "[Acount work]")

    options = [check.meaning.partition(":")[0] for check in config.mend()]

    assert options == ["[Account work]", "remoteuser", "remoteuser", "auth_mechanisms"]
    assert config.failed() == []


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("is_ended", [True, False])
def test_the_ends_of_lines_stay_as_they_are(config: OfflineimaprcFile, end: str, is_ended: bool) -> None:
    """Windows' ends of lines and a last line without one are kept, and new lines are like the others."""
    config.change("auth_mechanisms = XOAUTH2\n", "")
    config.write(config.text.rstrip("\n").replace("\n", end) + end * is_ended)

    config.mend()

    assert config.text.count("\n") == config.text.count(end) > 0
    assert f"auth_mechanisms = XOAUTH2{end}" in config.text + end
    assert config.text.endswith("\n") is is_ended


@pytest.mark.parametrize("indent", ["  ", "\t"])
def test_indented_options_stay_options(config: OfflineimaprcFile, indent: str) -> None:
    """An option with more white space than the one above would be read as a part of it."""
    config.write(re.sub(r"(?m)^(?=[a-z_0-9]+ =)", indent, config.text))
    for old, new in (("auth_mechanisms = XOAUTH2", "auth_mechanisms LOGIN"), ("sep = /", "sep = //"), (EVAL, "x = y")):
        config.change(f"{indent}{old}", f"{indent}{new}")

    config.mend()

    assert config.failed() == []
    assert f"\n{indent}{EVAL}\n" in config.text


# The file itself


def test_a_file_that_others_can_read_is_found(config: OfflineimaprcFile) -> None:
    """OfflineIMAP runs the Python in it."""
    config.path.chmod(0o644)

    [check] = config.failed()

    assert check.name == "config-mode"
    assert f"chmod 600 {config.path}" in check.remedy.text


def test_a_file_that_is_not_utf8_is_found_at_its_line(config: OfflineimaprcFile) -> None:
    """The line is named, since OfflineIMAP's own message does not."""
    config.path.write_bytes(b"[general]\n# M\xfcll\n")

    [check] = config.failed()

    assert (check.name, check.line) == ("config-file", 2)


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "large", "long", "nul", "empty"])
def test_what_is_no_offlineimaprc_is_one_finding(config: OfflineimaprcFile, kind: str) -> None:
    """Nothing is waited for, and nothing raises."""
    config.path.unlink()
    if kind == "directory":
        config.path.mkdir()
    elif kind == "pipe":
        os.mkfifo(config.path)
    elif kind in {"large", "empty"}:
        config.path.write_bytes(b"#" * (5 << 20 if kind == "large" else 0))
        config.path.chmod(0o600)
    config.path = {"long": Path("/x" * 3000), "nul": Path("/a\0b")}.get(kind, config.path)

    [check] = config.failed()

    assert check.name == "config-file"
    assert check.remedy.text


def test_a_file_of_another_program_is_not_changed(config: OfflineimaprcFile) -> None:
    """What it looks like is said, and there is no diff."""
    config.path = config.path.with_name(".msmtprc")
    config.write("account work\nhost smtp.office365.com\npassword hunter2\n")

    [check] = config.failed()

    assert "msmtp" in check.meaning
    assert "--config ~/.offlineimaprc" in check.remedy.text


def test_the_usual_file_is_the_one_that_offlineimap_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_CONFIG_HOME first, then the home (OfflineIMAP's init.py)."""
    monkeypatch.setenv("HOME", str(world.root))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert usual_file() is None
    (world.root / ".offlineimaprc").touch()
    assert usual_file() == world.root / ".offlineimaprc"
    (world.root / ".config" / "offlineimap").mkdir(parents=True)
    (world.root / ".config" / "offlineimap" / "config").touch()
    assert usual_file() == world.root / ".config" / "offlineimap" / "config"


# What is left as it is


def test_other_providers_are_left_alone(config: OfflineimaprcFile) -> None:
    """Whatever a repository of another provider says, it is neither judged nor changed."""
    other = (
        "[Account home]\nlocalrepository = hl\nremoterepository = hr\n[Repository hl]\ntype = Maildir\n"
        "localfolders = ~/home\n[Repository hr]\ntype = IMAP\nremotehost = imap.example.com\nremoteuser = x\n"
        "remotepass = 100%hunter2\nssl = no\nfolderfilter = lambda: broken\noauth2_refresh_token = other\n"
    )
    config.change("accounts = work", "accounts = work, home")
    config.change("auth_mechanisms = XOAUTH2", "auth_mechanisms = LOGIN")
    config.write(config.text + other)

    failed = config.mend()

    assert [check.name for check in failed] == ["config-auth-mechanisms"]
    assert other in config.text


def test_a_file_without_a_mailbox_of_microsofts_is_not_judged(config: OfflineimaprcFile) -> None:
    """It may be right; that there is nothing to check is said."""
    config.write(
        "[general]\naccounts = g\n[Account g]\nlocalrepository = l\nremoterepository = r\n[Repository l]\n"
        "type = Maildir\nlocalfolders = ~/g\n[Repository r]\ntype = Gmail\n"
    )

    assert [(check.name, check.ok) for check in config.examine()] == [("config", True)]


@pytest.mark.parametrize("kind", ["delegated", "app-only"])
def test_what_config_prints_is_right(config: OfflineimaprcFile, kind: str) -> None:
    """For a shared mailbox, and for an application with many, whatever an address looks like."""
    account = invent("backup" if kind == "app-only" else ALICE, imap=IMAP, kind=kind)

    config.write(recipes.render("offlineimap", account, ["team@example.org", "100%@example.org", "o'hara@example.org"]))

    assert config.failed() == []
    assert config.diff() == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"remoteuser = {ALICE}", f"remoteuser = {ALICE.upper()}"),
        (FILTER, "folderfilter = make_folderfilter(\n  keep=[],\n  drop=['Archive'])"),
        (FILTER, "folderfilter = lambda name: re.match('INBOX', name)"),
        (REMOTE, f"{REMOTE}\ncreatefolders = yes\nreadonly = True\nmaxconnections = 2\nusecompression = yes"),
    ],
)
def test_what_is_right_is_left_as_it_is(config: OfflineimaprcFile, old: str, new: str) -> None:
    """Capital letters, Python of several lines that look like options, and OfflineIMAP's own options."""
    config.change(old, new)

    assert config.failed() == []
    assert config.diff() == ""


def test_what_applies_to_all_sections_is_not_removed(config: OfflineimaprcFile) -> None:
    """An option of [DEFAULT] may be needed by another account: a note says so."""
    config.write("[DEFAULT]\nremotepass = hunter2\n" + config.text)

    checks = config.examine()

    assert config.diff() == ""
    assert [check.ok for check in checks if check.name == "config-remotepass"] == [None]


# Who is signed in


def test_an_account_that_is_not_signed_in_has_its_command(config: OfflineimaprcFile) -> None:
    """Its colleague who is signed in is named, and nothing is changed."""
    config.change(f"remoteuser = {ALICE}", "remoteuser = carol@example.org")

    [check] = config.failed()

    assert check.remedy.text.endswith("offlineimap-m365 login carol@example.org")
    assert f'get_access_token("{ALICE}", 1800)' in check.remedy.text
    assert config.diff() == ""


@pytest.mark.parametrize(
    ("one", "other", "are_similar"),
    [
        ("alcie@example.org", ALICE, True),
        ("alice@exmaple.org", ALICE, True),
        ("rob@example.org", "bob@example.org", False),
        ("team1@example.org", "team2@example.org", False),
        ("alice@other.example", ALICE, False),
        ("", ALICE, False),
    ],
)
def test_a_typing_error_is_not_another_person(one: str, other: str, are_similar: bool) -> None:
    """Two letters that changed places are one; another name or number is somebody else's mailbox."""
    assert mailboxes.are_similar(one, other) == are_similar


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"remoteuser = {ALICE}", "remoteuser = alice"),
        (f"remoteuser = {ALICE}", "remoteuser = alcie@example.org"),
        (f"remoteuser = {ALICE}", "remoteuser = <you@example.org>"),
        (EVAL, f'oauth2_access_token_eval = get_access_token("{BOB}")'),
        (EVAL, "oauth2_access_token_eval = get_access_token()"),
    ],
)
def test_the_mailbox_and_its_token_are_one_persons(config: OfflineimaprcFile, old: str, new: str) -> None:
    """An alias, a typing error or a placeholder becomes the address, and another person's token the mailbox's own."""
    right = config.text
    if old == EVAL:
        invent(BOB, imap=IMAP)
    config.change(old, new)

    config.mend()

    assert config.text == right


# The pythonfile


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", 0),
        ("#!/usr/bin/python3\n# -*- coding: utf-8 -*-\n", 2),
        ('"""What I need."""\nfrom __future__ import annotations\n', 2),
    ],
)
def test_the_users_own_pythonfile_gets_our_functions(config: OfflineimaprcFile, head: str, line: int) -> None:
    """One line is added where code may begin; the user's functions come later, so they win."""
    own = own_pythonfile(config, f"{head}import os\n\n\ndef secret(name):\n    return os.environ[name]\n")

    config.mend()

    lines = own.read_text(encoding="utf-8").split("\n")
    assert str(stub.stub_path()) in lines[line]
    assert lines[line + 1] == "import os"
    compile("\n".join(lines), "own.py", "exec")


@pytest.mark.parametrize(
    "text",
    [
        "def mine():\n    return 'x'\n",
        "class mine(str):\n    pass\n",
        "mine = str\n",
        "from os import getcwd as mine\n",
        "from os import *\n",
        "import os as mine\n",
        "try:\n    from os import getcwd as mine\nexcept ImportError:\n    pass\n",
        "for mine in [str]:\n    pass\n",
    ],
)
def test_what_the_users_pythonfile_defines_is_the_users_own(config: OfflineimaprcFile, text: str) -> None:
    """In whatever way the name is bound, and where a star may bind it, the line is not judged; a note offers ours."""
    own_pythonfile(config, "from offlineimap_m365 import folderfilter\n" + text)
    config.change(EVAL, "oauth2_access_token_eval = mine()")

    assert config.diff() == ""
    assert [check.ok for check in config.examine() if check.name == "config-oauth2-access-token-eval"] == [None]


def test_a_function_that_hides_ours_is_the_users_own(config: OfflineimaprcFile) -> None:
    """Their get_access_token is not judged as ours; that it could be ours is a note."""
    own_pythonfile(config, "from offlineimap_m365 import *\ndef get_access_token(a, b, c=1):\n    return 'x'\n")

    assert config.diff() == ""
    assert [check.ok for check in config.examine() if check.name == "config-oauth2-access-token-eval"] == [None]


def test_the_pythonfile_of_another_home_is_replaced(config: OfflineimaprcFile) -> None:
    """It would look for the sign-in elsewhere, such as where XDG_DATA_HOME of a shell says."""
    other = config.path.parent / "pythonfile.py"
    other.write_bytes(stub.stub_path().read_bytes())
    config.change(f"pythonfile = {stub.stub_path()}", f"pythonfile = {other}")

    config.mend()

    assert f"pythonfile = {stub.stub_path()}" in config.text


# The Maildir


def second_account(config: OfflineimaprcFile) -> str:
    """Name the account team in the list, and return sections for it like those of work."""
    config.change("accounts = work", "accounts = work, team")
    return re.sub(r"\bwork(?=\b)", "team", config.text[config.text.index("[Account work]") :])


@pytest.mark.parametrize("own_local", [True, False])
def test_two_accounts_in_one_maildir_are_parted(config: OfflineimaprcFile, own_local: bool) -> None:
    """Each deletes what the other adds: the second gets a Maildir of its own, if need be with a section for it."""
    second = second_account(config)
    if not own_local:
        second = "[Account team]\nremoterepository = work-remote\nlocalrepository = work-local\n"
    config.write(config.text + second)

    failed = config.mend()

    assert failed
    assert config.failed() == []
    assert config.text.count(f"localfolders = {config.path.parent}/mail-team\n") == 1
    assert config.text.count(f"localfolders = {config.path.parent}/mail\n") == 1


@pytest.mark.parametrize("name", ["sample", "ok-mixed", "ok-whitelist", "ok-spaces", "not-listed", "overlap"])
def test_a_header_that_was_deleted_comes_back(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one name is missing, and options of its kind are in one other section, the header was there."""
    monkeypatch.setenv("PATH", str(world.root))
    config = make_offlineimaprc(world) if name == "sample" else place_case(world, name)
    text = config.text
    config.mend()
    right = config.text
    headers = re.findall(r"(?m)^\[(?:Account|Repository) .+\]$", text)

    for header in headers:
        config.write(text.replace(f"{header}\n", ""))
        config.mend()
        assert config.text == right or (name == "not-listed" and "Firm" in header), header


def test_headers_are_not_guessed(config: OfflineimaprcFile) -> None:
    """Where two are missing, or nothing shows where one was, only a person can tell."""
    config.change(f"{LOCAL}\n", "")
    config.change(f"{REMOTE}\n", "")
    checks = config.failed()

    assert [check.remedy.command for check in checks if check.diff is None] == ["offlineimap-m365 config"] * 2
    assert "[Repository" not in config.diff()


def test_repositories_that_were_swapped_change_places(config: OfflineimaprcFile) -> None:
    """Each of two accounts names the server that is called like the other: their mail would be mixed."""
    invent(BOB, imap=IMAP)
    second = second_account(config).replace(ALICE, BOB).replace("/mail\n", "/team\n")
    config.write(config.text + second)
    right = config.text
    config.write(
        right.replace("remoterepository = work", "remoterepository = x").replace("ory = team-re", "ory = work-re")
    )
    config.change("remoterepository = x-remote", "remoterepository = team-remote")

    failed = config.mend()

    assert {check.name for check in failed} == {"config-remoterepository"}
    assert config.text == right


@pytest.mark.parametrize(
    ("sep", "folders", "right"),
    [
        ("sep = /\n", ("INBOX", "Sent", "Sent.2024"), "sep = ."),
        ("sep = .\n", ("INBOX", "Sent", "Sent/2024"), "sep = /"),
        ("", ("INBOX", "Sent/2024"), "sep = /"),
        ("sep = /\n", ("INBOX", "v1.0 stuff"), "sep = /"),
        ("sep = /\n", ("Sent", "Sent.2024", "Sent/2024"), "sep = /"),
    ],
)
def test_sep_is_what_the_maildir_was_made_with(
    config: OfflineimaprcFile, sep: str, folders: tuple[str, ...], right: str
) -> None:
    """With another one all nested folders are downloaded again; a Maildir with both layouts is not judged."""
    config.change("sep = /\n", sep)
    make_maildir(config, *folders)

    config.mend()

    assert f"\n{right}\n" in config.text


def test_our_nametrans_is_for_a_new_maildir(config: OfflineimaprcFile) -> None:
    """One with the server's names would be downloaded again under ours."""
    config.change(REMOTE, f"{REMOTE}\nnametrans = nametrans_remote")
    config.change(LOCAL, f"{LOCAL}\nnametrans = nametrans_local")
    assert config.diff() == ""
    make_maildir(config, "INBOX", "Sent Items")

    config.mend()

    assert "\nnametrans" not in config.text


@pytest.mark.parametrize("secret", [JWT, GRANT, "abc8Q~DEFghiJKLmno.PQRstuVWXyz0123456789a"])
def test_a_secret_is_never_shown_wherever_it_is(config: OfflineimaprcFile, secret: str) -> None:
    """In the place of any value, or behind one, it is not shown, nor is its beginning."""
    lines = config.text.split("\n")
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            name, _, value = line.partition(" = ")
            for text in (
                f"{name} = {secret}",
                f"{name} = {value}{secret}",
                f"{name} {secret}",
                f'{name} = x("{secret}"',
            ):
                config.write("\n".join([*lines[:number], text, *lines[number + 1 :]]))
                checks: list[Any] = [check.as_dict() for check in config.examine()]
                checks += [check.diff.shown for check in config.examine() if check.diff]
                assert secret[:24] not in json.dumps(checks), text
