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
from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from tests.world import World

SAMPLE = Path(__file__).parents[3] / "sample-offlineimaprc"
#: Addresses that Exchange takes, with characters that have a meaning in shells and configuration files.
NAMES = st.text(st.sampled_from("aZ9_\u00fc!#$%&'*+/=?^`{|}~-"), min_size=1, max_size=20).map(
    lambda local: f"{local.lstrip('-') or 'x'}@example.org"
)
#: Names of app-only accounts, which can hold any characters.
ODD_NAMES = st.text(
    st.characters(blacklist_categories=("C", "Z")) | st.sampled_from("'\"$%`\\#;()"), min_size=1, max_size=20
).map(lambda name: name.lstrip("-") or "x")
IN_A_WORLD = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def alice(world: World) -> Account:
    """Return Alice with the defaults, in a world."""
    return targets.defaults(ALICE)


def render(program: str) -> str:
    """Return what ``config`` prints of *program* for Alice."""
    is_timer = program in timers.NAMES
    return timers.render(program, ALICE) if is_timer else recipes.render(program, targets.defaults(ALICE))


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


def switched_on(text: str, name: str) -> list[str]:
    """Return the lines of *name* in a configuration that are commented out, without the ``#``."""
    return re.findall(rf"^#({name} = .*)$", text, re.MULTILINE)


def ours() -> dict[str, object]:
    """Return the functions that OfflineIMAP's lines can use."""
    return {name: getattr(offlineimap_m365, name) for name in offlineimap_m365.__all__}


@pytest.mark.parametrize(("name", "main"), [(ALICE, ["INBOX", "Sent Items"]), ("mia@outlook.com", ["Inbox", "Sent"])])
def test_every_commented_folderfilter_does_what_its_comment_says(world: World, name: str, main: list[str]) -> None:
    """In a work mailbox and in a personal one, whose folders have other names."""
    folders = [*main, "Archive", "Archive/2019", "Archives", "Calendar/x", "INBOX/Archive"]
    text = recipes.render("offlineimap", targets.defaults(name))
    kept = []
    for line in switched_on(text, "folderfilter"):
        parser = parse(text.replace("folderfilter = folderfilter", line))
        wanted = eval(parser.get(f"Repository {name.split('@', maxsplit=1)[0]}-remote", "folderfilter"), ours())
        kept.append([folder for folder in folders if wanted(folder)])

    assert kept == [
        [folder for folder in folders if folder != "Calendar/x"],
        [folder for folder in folders if folder not in {"Archive", "Archive/2019", "Calendar/x"}],
        main,
    ]


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        (ALICE, {"Sent Items": "Sent", "Deleted Items": "Trash", "Junk Email": "Junk", "INBOX": "INBOX"}),
        ("mia@outlook.com", {"Sent": "Sent", "Deleted": "Trash", "Junk": "Junk", "Inbox": "Inbox"}),
    ],
)
def test_the_commented_nametrans_are_a_pair(world: World, name: str, pairs: dict[str, str]) -> None:
    """Switched on together, each undoes the other for the folders that the mailbox has."""
    parser = parse(recipes.render("offlineimap", targets.defaults(name)).replace("#nametrans", "nametrans"))
    section = parser.get("general", "accounts")
    lines = [parser.get(f"Repository {section}-{side}", "nametrans") for side in ("remote", "local")]
    remote, local = (eval(line, ours()) for line in lines)

    assert {folder: remote(folder) for folder in pairs} == pairs
    assert {local(name): name for name in pairs.values()} == pairs


@pytest.mark.parametrize(
    ("name", "folders"), [(ALICE, {"Sent Items", "Deleted Items"}), ("m@live.com", {"Sent", "Deleted"})]
)
def test_a_reader_opens_the_folders_that_the_mailbox_has(world: World, name: str, folders: set[str]) -> None:
    """Personal mailboxes have other folders than work mailboxes."""
    for program in ("mutt", "neomutt", "himalaya", "mu4e"):
        text = recipes.render(program, targets.defaults(name))
        lines = "\n".join(line for line in text.splitlines() if line[:1] not in "#;")

        found = set(re.findall(r'"[+/a-z]*(Sent Items|Sent|Deleted Items|Deleted)"', lines))
        assert found == folders, program


def test_the_sample_is_the_recipe_and_says_everything_that_counts(world: World) -> None:
    """It has the settings without which some build loses mail, sends a password or skips folders."""
    parser = parse(recipes.sample())
    local, remote = parser["Repository <work>-local"], parser["Repository <work>-remote"]

    assert SAMPLE.read_text(encoding="utf-8") == recipes.sample()  # the docstring of recipes has the command
    assert (local["sep"], remote["auth_mechanisms"], remote["folderfilter"]) == ("/", "XOAUTH2", "folderfilter")
    assert remote.get("oauth2_access_token_eval", raw=True) == 'get_access_token("%(remoteuser)s", 1800)'
    assert remote["sslcacertfile"] == "/etc/ssl/certs/ca-certificates.crt"
    assert int(parser["general"]["socktimeout"]) == 60
    assert not [section for section in parser.sections() if "createfolders" in parser[section]]


@IN_A_WORLD
@given(name=NAMES, shared=NAMES)
def test_offlineimap_reads_back_what_was_meant(world: World, name: str, shared: str) -> None:
    """The values are the addresses; each commented line, switched on, calls our functions with these and no other."""
    os.environ["OFFLINEIMAP_M365_HOME"] = home = f"{world.root}/100%(home)s"
    calls: list[set[object]] = []

    def record(*arguments: object, **named: object) -> list[None]:
        calls.append({str(value).lower() for value in (*arguments, *named.values()) if "@" in str(value)})
        return [None, None]

    for mailbox in (name, shared):
        text = recipes.render("offlineimap", targets.defaults(name), [mailbox])
        parser = parse(text)
        section = parser.get("general", "accounts")
        remote = f"Repository {section}-remote"
        for option in ("folderfilter", "nametrans"):
            for line in switched_on(text, option):
                parser.set(remote, option, line.partition(" = ")[2])
                eval(parser.get(remote, option), dict.fromkeys(offlineimap_m365.__all__, record))

        assert {str(asked(parser, section)[0]).lower()} == {name.lower()}
        assert parser.get(remote, "remoteuser") == mailbox
        assert parser.get("general", "pythonfile") == f"{home}/pythonfile.py"
        assert [call for call in calls if call] == [{name.lower(), mailbox.lower()}]
        calls.clear()


@IN_A_WORLD
@given(name=ODD_NAMES, mailboxes=st.lists(NAMES, min_size=1, max_size=4))
def test_many_mailboxes_have_a_section_each(world: World, name: str, mailboxes: list[str]) -> None:
    """Every mailbox is named once and asks for the one account, however odd its name and similar the addresses."""
    account = dataclasses.replace(targets.defaults(clean_name(name)), kind="app-only")
    wanted = [clean_name(mailbox) for mailbox in mailboxes]

    parser = parse(recipes.render("offlineimap", account, wanted))

    sections = parser.get("general", "accounts").split(", ")
    assert len(sections) == len(set(sections)) == len(set(wanted))
    assert [parser.get(f"Repository {s}-remote", "remoteuser") for s in sections] == list(dict.fromkeys(wanted))
    assert {str(asked(parser, section)[0]).lower() for section in sections} == {account.name.lower()}


@pytest.mark.parametrize(("mailboxes", "at_once"), [(1, None), (3, "3"), (9, "4")])
def test_at_most_four_mailboxes_are_synced_at_once(alice: Account, mailboxes: int, at_once: str | None) -> None:
    """Exchange limits what one application may do at a time, however many mailboxes there are."""
    parser = parse(recipes.render("offlineimap", alice, [f"m{number}@example.org" for number in range(mailboxes)]))

    assert parser.get("general", "maxsyncaccounts", fallback=None) == at_once


def test_an_address_that_cannot_be_used_is_refused(alice: Account, subtests: pytest.Subtests) -> None:
    """Exchange does not take it, as a mailbox or as a person's account; or msmtp replaces %U, %H, %C, %M in it."""
    wrong = [
        ".a@example.org",
        "a..b@example.org",
        "a.@example.org",
        "a@",
        "<a@example.org>",
        "a@example.org]",
        "nobody",
    ]
    wrong += [f"a{character}b@example.org" for character in '"\\ ;(),:<>@[]\n']
    cases = [(alice, address, "not an address that Exchange takes") for address in wrong]
    cases += [(dataclasses.replace(alice, name=name), ALICE, "not an address that Exchange takes") for name in wrong]
    cases += [(alice, f"{local}@example.org", "cannot be msmtp's from") for local in ("a%Ub", "%H", "x%Cy", "%M")]
    for account, mailbox, reason in cases:
        with subtests.test(account=account.name, mailbox=mailbox), pytest.raises(errors.WrongUsage, match=reason):
            recipes.render("msmtp", account, [mailbox])


def test_a_second_account_is_added_to_a_configuration_that_exists(alice: Account) -> None:
    """There is no second [general], the sections have other names, and the comment says what to change."""
    existing = recipes.render("offlineimap", targets.defaults("alice@other.example"))

    text = recipes.render("offlineimap", alice, existing=existing)

    parser = parse(existing + text)
    assert parser.get("Repository alice-example.org-remote", "remoteuser") == ALICE
    assert "accounts = (the names that are there), alice-example.org" in text


@pytest.mark.parametrize(
    ("program", "home"),
    [("offlineimap", "$HOME"), *((name, "a\nb") for name in ("offlineimap", "msmtp", "mutt", "cron", "systemd"))],
)
def test_a_home_that_no_file_can_hold_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, program: str, home: str
) -> None:
    """A line break in its path, or for OfflineIMAP a variable, which cannot be quoted, is 78 with the path."""
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", f"{world.root}/{home}")

    with pytest.raises(errors.Misconfigured, match=re.escape(home.replace("\n", " "))):
        render(program)


@pytest.mark.parametrize("place", ["OFFLINEIMAP_M365_HOME", "XDG_DATA_HOME"])
def test_a_home_that_only_the_shell_knows_is_named(world: World, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Whichever variable names the home, each recipe works in the empty environment of cron and systemd."""
    monkeypatch.setenv(place, str(world.root / "mine"))
    home = world.root / "mine" / ("offlineimap-m365" if place == "XDG_DATA_HOME" else "")

    assert f"{home}/pythonfile.py" in render("offlineimap")
    for program in ("msmtp", "mutt", "cron", "systemd-service"):
        assert f"OFFLINEIMAP_M365_HOME={home}" in render(program), program


@pytest.mark.parametrize("variable", ["OFFLINEIMAP_M365_HOME", ""])
def test_the_usual_home_is_not_named(world: World, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Where an empty environment finds the store anyway, whatever names it, the command is as short as can be."""
    monkeypatch.delenv("XDG_DATA_HOME")
    if variable:
        monkeypatch.setenv(variable, template_values.usual_home())

    assert template_values.home_assignment() == ""
    assert recipes.token_command(ALICE).split()[0] != "env"


@IN_A_WORLD
@given(name=ODD_NAMES)
def test_the_token_command_survives_a_shell(world: World, name: str) -> None:
    """A shell gives the account as one word, with the store's place before it where it is not the usual one."""
    words = shlex.split(recipes.token_command(name))

    assert words[:2] == ["env", f"OFFLINEIMAP_M365_HOME={world.home}"]
    assert words[-2:] == ["token", name]
    assert Path(words[2]).is_absolute()


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


def test_one_mailbox_is_no_more(alice: Account) -> None:
    """A program whose file has one mailbox is not given several: wrong usage, and the command for one."""
    with pytest.raises(errors.WrongUsage, match=r"has one mailbox in ~/\.muttrc, not 2") as caught:
        recipes.render("mutt", alice, ["a@example.org", "b@example.org"])

    assert caught.value.remedy.command == "offlineimap-m365 config alice@example.org mutt --mailbox a@example.org"


def test_every_program_has_its_templates(world: World) -> None:
    """What the list offers can be rendered, and has something for the account in it, or for all."""
    for program, recipe in recipes.PROGRAMS.items():
        text = render(program)
        assert "$" not in text or program == "git-send-email" or program in timers.NAMES
        assert ALICE in text or program in {"notify", "systemd-timer"}
        assert recipe.purpose
        assert recipe.file in text
