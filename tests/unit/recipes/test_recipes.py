"""What goes into a mail program's configuration: complete, quoted right, and said once."""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import offlineimap_m365
from offlineimap_m365 import recipes
from offlineimap_m365.accounts.profiles import Account, clean_name
from offlineimap_m365.base import errors
from offlineimap_m365.recipes import targets, template_values, timers
from offlineimap_m365.recipes.program import Program

if TYPE_CHECKING:
    from tests.world import World

SAMPLE = Path(__file__).parents[3] / "sample-offlineimaprc"
ALICE = "alice@example.org"
FOLDERS = ("INBOX", "Sent Items", "Sent", "Archive", "Archive/2019", "Archives", "Calendar/x", "INBOX/Archive")
#: Addresses with what shells and parsers stumble over; white space and controls are no part of a name.
NAMES = st.text(
    st.characters(blacklist_categories=("C", "Z")) | st.sampled_from("'\"$%`\\#;()"), min_size=1, max_size=20
).map(lambda local: f"{local.lstrip('-') or 'x'}@example.org")
IN_A_WORLD = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def alice(world: World) -> Account:
    """Return Alice with the defaults, in a world."""
    assert world
    return targets.defaults(ALICE)


def parse(text: str) -> configparser.ConfigParser:
    """Read a configuration as OfflineIMAP does (its CustomConfig.py)."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser


def asked(parser: configparser.ConfigParser, section: str) -> tuple[object, ...]:
    """Return what the token's function is called with when OfflineIMAP evaluates its line."""
    code = parser.get(f"Repository {section}-remote", "oauth2_access_token_eval")
    found: tuple[object, ...] = eval(code, {"get_access_token": lambda *arguments: arguments})
    return found


def arrangements(text: str, name: str) -> list[str]:
    """Return the lines of *name* in a configuration that may take the place of the one that counts."""
    return re.findall(rf"^#({name} = .*)$", text, re.MULTILINE)


def test_every_line_for_another_arrangement_works(alice: Account) -> None:
    """Each folderfilter that the sample proposes is what its comment says, once it is put in the place of the other."""
    text = recipes.render("offlineimap", alice)
    ours = {name: getattr(offlineimap_m365, name) for name in offlineimap_m365.__all__}
    kept = []
    for line in arrangements(text, "folderfilter"):
        parser = parse(text.replace("folderfilter = folderfilter", line))
        wanted = eval(parser.get("Repository alice-remote", "folderfilter"), ours)
        kept.append([name for name in FOLDERS if wanted(name)])

    assert arrangements(text, "folderfilter") == arrangements(recipes.sample(), "folderfilter")
    assert kept == [
        [name for name in FOLDERS if name != "Calendar/x"],
        [name for name in FOLDERS if name not in {"Archive", "Archive/2019", "Calendar/x"}],
        ["INBOX", "Sent Items"],
    ]


def test_the_sample_is_the_recipe() -> None:
    """The shipped sample is what the recipe gives with chevrons; the recipes' docstring has the command."""
    assert SAMPLE.read_text(encoding="utf-8") == recipes.sample()


def test_the_sample_says_everything_that_counts() -> None:
    """Its settings are those without which some build loses mail, sends a password or skips folders."""
    parser = parse(recipes.sample())
    local, remote = parser["Repository <work>-local"], parser["Repository <work>-remote"]

    assert (local["sep"], remote["auth_mechanisms"], remote["folderfilter"]) == ("/", "XOAUTH2", "folderfilter")
    assert remote.get("oauth2_access_token_eval", raw=True) == 'get_access_token("%(remoteuser)s", 1800)'
    assert remote["sslcacertfile"] == "/etc/ssl/certs/ca-certificates.crt"
    assert not [section for section in parser.sections() if "createfolders" in parser[section]]


def test_every_chevron_can_be_replaced() -> None:
    """What a person replaces stands in chevrons, and nothing else does."""
    chevrons = set(re.findall(r"<([^<>]+)>", recipes.sample()))

    assert chevrons == {
        "you@example.org",
        "work",
        "~/Mail/work",
        "~/.local/share/offlineimap-m365/pythonfile.py",
    }


def test_the_sample_does_not_depend_on_who_writes_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a home nor certificates of this machine reach it."""
    before = recipes.sample()
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", str(world.root / "elsewhere"))

    assert recipes.sample() == before
    assert str(world.root) not in before


@IN_A_WORLD
@given(name=NAMES)
def test_offlineimap_reads_back_what_was_meant(world: World, name: str) -> None:
    """However odd the address, ConfigParser gives it back, and the evaluated line asks for that very account."""
    name = clean_name(name)

    parser = parse(recipes.render("offlineimap", targets.defaults(name)))

    section = parser.get("general", "accounts")
    assert parser.get(f"Repository {section}-remote", "remoteuser") == name
    assert asked(parser, section) == (name, 1800)
    assert parser.get("general", "pythonfile") == str(world.home / "pythonfile.py")


@IN_A_WORLD
@given(name=NAMES, mailboxes=st.lists(NAMES, min_size=1, max_size=4))
def test_many_mailboxes_have_a_section_each(world: World, name: str, mailboxes: list[str]) -> None:
    """Every mailbox is named once in accounts and asks for the one account, however alike the addresses are."""
    assert world
    name, wanted = clean_name(name), [clean_name(mailbox) for mailbox in mailboxes]

    parser = parse(recipes.render("offlineimap", targets.defaults(name), wanted))

    sections = parser.get("general", "accounts").split(", ")
    assert len(sections) == len(set(sections)) == len(set(wanted))
    assert [parser.get(f"Repository {s}-remote", "remoteuser") for s in sections] == list(dict.fromkeys(wanted))
    assert {asked(parser, section)[0].lower() for section in sections} == {name.lower()}  # type: ignore[attr-defined]


@IN_A_WORLD
@given(name=NAMES)
def test_the_token_command_survives_a_shell(world: World, name: str) -> None:
    """A shell gives the account as one word, with the store's place before it where it is not the usual one."""
    words = shlex.split(recipes.token_command(name))

    assert words[:2] == ["env", f"OFFLINEIMAP_M365_HOME={world.home}"]
    assert words[-2:] == ["token", name]
    assert Path(words[2]).is_absolute()


def test_the_usual_store_is_not_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an empty environment finds the store anyway, the command is as short as can be."""
    monkeypatch.delenv("XDG_DATA_HOME")

    assert recipes.token_command(ALICE).split()[0] != "env"
    assert world.environ["HOME"] == os.environ["HOME"]


def test_a_per_cent_sign_in_the_home_is_quoted(alice: Account, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths pass ConfigParser's interpolation, too."""
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", str(world.root / "100%(home)s"))

    parser = parse(recipes.render("offlineimap", alice))

    assert parser.get("general", "pythonfile") == str(world.root / "100%(home)s" / "pythonfile.py")


def test_certificates_are_those_that_the_environment_names(
    alice: Account, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is trusted for Microsoft is trusted for the mail hosts: the environment's file, else the system's."""
    named = recipes.render("msmtp", alice)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(template_values, "CERTIFICATES", (str(world.root / "ca.pem"), "/nowhere"))
    found = recipes.certificates()
    monkeypatch.setattr(template_values, "CERTIFICATES", ())
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: dataclasses.make_dataclass("P", ["cafile"])(None))

    assert f"tls_trust_file {world.root}/ca.pem" in named
    assert found == str(world.root / "ca.pem")
    assert "tls_trust_file system" in recipes.render("msmtp", alice)
    assert "sslcacertfile = OS-DEFAULT" in recipes.render("offlineimap", alice)


@pytest.mark.parametrize("local", ["a%Ub", "%H", "x%Cy", "%M"])
def test_what_msmtp_would_replace_is_refused(alice: Account, local: str) -> None:
    """Because msmtp puts the user's or host's name in place of %U, %H, %C, %M they are wrong usage."""
    with pytest.raises(errors.WrongUsage, match="cannot be msmtp's from"):
        recipes.render("msmtp", alice, [f"{local}@example.org"])


@pytest.fixture
def program(world: World, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return a program that has one mailbox in its file and nothing for applications, and a template."""
    found = Program("cron", "is made up", "~/.madeup")
    monkeypatch.setitem(recipes.PROGRAMS, "madeup", dataclasses.replace(found, is_for_applications=False))
    return found


def test_one_mailbox_is_no_more(alice: Account, program: Program) -> None:
    """A program whose file has one mailbox is not handed several: wrong usage, and how to ask."""
    with pytest.raises(errors.WrongUsage, match=r"has one mailbox in ~/\.madeup, not 2") as caught:
        recipes.render("madeup", alice, ["a@example.org", "b@example.org"])

    assert "config alice@example.org madeup --mailbox a@example.org" in caught.value.remedy


def test_what_cannot_be_an_application_says_so(alice: Account, program: Program) -> None:
    """A program that opens no mailbox for an application is refused for an account that is app-only."""
    account = dataclasses.replace(alice, kind="app-only")

    with pytest.raises(errors.WrongUsage, match="cannot open a mailbox for an application"):
        recipes.render("madeup", account, ["a@example.org"])


def test_every_program_has_its_templates(alice: Account) -> None:
    """What the list offers can be rendered, and has something for the account in it, or for all."""
    for program, recipe in recipes.PROGRAMS.items():
        if program in timers.NAMES:
            text = timers.render(program, ALICE)
        else:
            text = recipes.render(program, alice)
            assert "$" not in text

        assert ALICE in text or program == "notify"
        assert recipe.what
        assert recipe.file in text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], (None, "offlineimap")),
        (["msmtp"], (None, "msmtp")),
        ([ALICE], (ALICE, "offlineimap")),
        ([ALICE, "msmtp"], (ALICE, "msmtp")),
        ([ALICE, "isync"], (ALICE, "mbsync")),
        (["getmail6"], (None, "getmail")),
        ([ALICE, "git", "send-email"], (ALICE, "git-send-email")),
        (["git"], (None, "git-send-email")),
        ([ALICE, "smtpmail"], (ALICE, "emacs")),
    ],
)
def test_an_order_is_read(world: World, words: list[str], found: tuple[str | None, str]) -> None:
    """[ACCOUNT] [PROGRAM], both of which may be left out; a package's name is one of its program's."""
    assert world
    assert targets.account_and_program(words) == found


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["mstmp"], "Did you mean msmtp"),
        (["Offlineimap"], "Did you mean offlineimap? "),
        (["isinc"], "Did you mean"),
        (["getmail7"], "Did you mean getmail"),
        (["send-email"], "Did you mean git-send-email? "),
        ([""], "See the list"),
    ],
)
def test_an_unknown_program_has_close_ones(world: World, words: list[str], hint: str) -> None:
    """Wrong usage, with the names that it may have been."""
    assert world
    with pytest.raises(errors.WrongUsage) as caught:
        targets.account_and_program(words)

    assert hint in caught.value.remedy


def test_mailboxes_come_from_a_file(world: World) -> None:
    """One a line; empty lines and comments do not count; names are cleaned."""
    path = world.root / "boxes"
    path.write_text("# ours\n\n  info@example.org \n  # theirs\nmu\u0308ller@example.org\n", encoding="utf-8")

    found = targets.mailboxes([f"@{path}", ALICE])

    assert found == ["info@example.org", "m\u00fcller@example.org", ALICE]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_of_windows_is_read(world: World, encoding: str) -> None:
    """PowerShell writes other characters, line ends and quotes; who is named twice is meant once."""
    path = world.root / "boxes"
    path.write_bytes(f'{ALICE}\r\n"info@example.org"\r\n{ALICE.upper()}\r\n'.encode(encoding))

    assert targets.mailboxes([f"@{path}"]) == [ALICE, "info@example.org"]


def test_of_a_list_the_line_is_named_that_is_no_address(world: World) -> None:
    """In a list of 500 nobody looks for it."""
    path = world.root / "boxes"
    path.write_text(f"{ALICE}\n\ninfo@example.org # team\n", encoding="utf-8")

    with pytest.raises(errors.WrongUsage, match="Line 3 of the list of mailboxes"):
        targets.mailboxes([f"@{path}"])


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe", b"a b@example.org\n"])
def test_a_file_without_mailboxes_is_refused(world: World, content: bytes) -> None:
    """An empty, unreadable or strange list is wrong usage."""
    path = world.root / "boxes"
    path.write_bytes(content)

    with pytest.raises(errors.WrongUsage):
        targets.mailboxes([f"@{path}"])
