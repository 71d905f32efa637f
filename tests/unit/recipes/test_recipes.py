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
from tests.signed_in_accounts import ALICE, invent

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


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        (ALICE, ["INBOX", "Sent Items", "Deleted Items", "Junk Email"]),
        ("mia@outlook.com", ["Inbox", "Sent", "Deleted", "Junk"]),
    ],
)
def test_folders_are_called_as_the_mailbox_has_them(world: World, name: str, folders: list[str]) -> None:
    """
    Personal mailboxes have other folders than work mailboxes: readers open those that are there.

    Each folderfilter of OfflineIMAP that is commented out does what its comment says; the two nametrans are a pair.
    """
    text, section = recipes.render("offlineimap", targets.defaults(name)), name.partition("@")[0]
    others = ["Archive", "Archive/2019", "Archives", "Calendar/x", "INBOX/Archive"]
    kept = []
    for line in switched_on(text, "folderfilter"):
        parser = parse(text.replace("folderfilter = folderfilter", line))
        wanted = eval(parser.get(f"Repository {section}-remote", "folderfilter"), ours())
        kept.append([folder for folder in folders[:2] + others if wanted(folder)])
    parser = parse(text.replace("#nametrans", "nametrans"))
    lines = [parser.get(f"Repository {section}-{side}", "nametrans") for side in ("remote", "local")]
    remote, local = (eval(line, ours()) for line in lines)
    translated = [remote(folder) for folder in folders]

    assert kept == [
        [*folders[:2], "Archive", "Archive/2019", "Archives", "INBOX/Archive"],
        [*folders[:2], "Archives", "INBOX/Archive"],
        folders[:2],
    ]
    assert translated == [folders[0], "Sent", "Trash", "Junk"]
    assert [local(folder) for folder in translated] == folders
    for program in ("mutt", "neomutt", "himalaya", "mu4e"):
        text = recipes.render(program, targets.defaults(name))
        lines = [line for line in text.splitlines() if line[:1] not in "#;"]
        found = re.findall(r'"[+/a-z]*(Sent Items|Sent|Deleted Items|Deleted)"', "\n".join(lines))
        assert set(found) == set(folders[1:3]), program


def test_the_sample_is_the_recipe_and_says_everything_that_counts(world: World) -> None:
    """It has the settings without which some build loses mail, sends a password or skips folders."""
    parser = parse(recipes.sample())
    local, remote = parser["Repository <work>-local"], parser["Repository <work>-remote"]

    assert SAMPLE.read_text(encoding="utf-8") == recipes.sample()  # the docstring of recipes has the command
    assert (local["sep"], remote["auth_mechanisms"], remote["folderfilter"]) == ("/", "XOAUTH2", "folderfilter")
    assert remote.get("oauth2_access_token_eval", raw=True) == 'get_access_token("%(remoteuser)s", 1800)'
    assert (remote["sslcacertfile"], parser["general"]["socktimeout"]) == ("/etc/ssl/certs/ca-certificates.crt", "60")
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
@given(name=ODD_NAMES, mailboxes=st.lists(NAMES, min_size=1, max_size=6))
def test_many_mailboxes_have_a_section_each(world: World, name: str, mailboxes: list[str]) -> None:
    """
    Every mailbox is named once and asks for the one account, however odd its name and similar the addresses.

    At most four are synced at once: Exchange limits what one application may do at a time.
    """
    account = dataclasses.replace(targets.defaults(clean_name(name)), kind="app-only")
    wanted = [clean_name(mailbox) for mailbox in mailboxes]

    parser = parse(recipes.render("offlineimap", account, wanted))

    sections = parser.get("general", "accounts").split(", ")
    assert len(sections) == len(set(sections)) == len(set(wanted))
    assert [parser.get(f"Repository {s}-remote", "remoteuser") for s in sections] == list(dict.fromkeys(wanted))
    assert {str(asked(parser, section)[0]).lower() for section in sections} == {account.name.lower()}
    assert parser.getint("general", "maxsyncaccounts", fallback=1) == min(len(sections), 4)


def test_an_address_that_cannot_be_used_is_refused(alice: Account, subtests: pytest.Subtests) -> None:
    """Exchange does not take it, as a mailbox or as a person's account; or msmtp replaces %U, %H, %C, %M in it."""
    wrong = [".a@example.org", "a..b@example.org", "a.@example.org", "a@", "<a@example.org>", "nobody"]
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


def test_a_home_that_no_file_can_hold_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break in its path, or for OfflineIMAP a variable, which cannot be quoted, is 78 with the path."""
    programs = ("offlineimap", "msmtp", "mutt", "cron", "systemd")
    for program, home in (("offlineimap", "$HOME"), *((name, "a\nb") for name in programs)):
        monkeypatch.setenv("OFFLINEIMAP_M365_HOME", f"{world.root}/{home}")
        with pytest.raises(errors.Misconfigured, match=re.escape(home.replace("\n", " "))):
            render(program)


@pytest.mark.parametrize("place", ["OFFLINEIMAP_M365_HOME", "XDG_DATA_HOME"])
def test_a_home_that_only_the_shell_knows_is_named(world: World, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Whichever variable names it, each recipe works in the empty environment of cron; the usual one is not named."""
    monkeypatch.setenv(place, str(world.root / "mine"))
    home = world.root / "mine" / ("offlineimap-m365" if place == "XDG_DATA_HOME" else "")

    assert f"{home}/pythonfile.py" in render("offlineimap")
    for program in ("msmtp", "mutt", "cron", "systemd-service"):
        assert f"OFFLINEIMAP_M365_HOME={home}" in render(program), program
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", template_values.usual_home())
    assert Path(shlex.split(recipes.token_command(ALICE))[0]).is_absolute()


def test_certificates_are_those_that_the_environment_names(
    alice: Account, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is trusted for Microsoft is trusted for the mail hosts: the environment's file, else the system's."""
    named, added = recipes.render("msmtp", alice), recipes.render("mbsync", alice)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(template_values, "CERTIFICATES", (str(world.root / "ca.pem"), "/nowhere"))
    found = recipes.certificates()
    monkeypatch.setattr(template_values, "CERTIFICATES", ())
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: dataclasses.make_dataclass("P", ["cafile"])(None))

    assert f"tls_trust_file {world.root}/ca.pem" in named
    assert f'\nCertificateFile "{world.root}/ca.pem"\n' in added  # mbsync adds it to the system's, and needs no other
    assert "CertificateFile" not in recipes.render("mbsync", alice)
    assert found == str(world.root / "ca.pem")
    assert "tls_trust_file system" in recipes.render("msmtp", alice)
    assert "sslcacertfile = OS-DEFAULT" in recipes.render("offlineimap", alice)


def unwanted(text: str) -> list[str]:
    """Return the folders that mbsync leaves out with all below them, as they are spelt in its file."""
    patterns = [found for line in text.splitlines() for found in re.findall(r'"!(.*?)"', line)]
    below = [pattern.removesuffix("/*") for pattern in patterns if pattern.endswith("/*")]
    assert sorted(pattern for pattern in patterns if not pattern.endswith("/*")) == sorted(below)
    return below


def test_what_mbsync_leaves_out(alice: Account) -> None:
    """
    What Exchange calls what is no mail, in English and everywhere; how to do better is said.

    What was learnt is left out in either spelling; a folder that was found to hold mail stays whatever it is called,
    and no name is a pattern for others.
    """
    text = recipes.render("mbsync", alice)
    finding = {"not_mail": ["Agenda", "Teht&AOQ-v&AOQ-t", "50%", "*"], "mail": ["notes"]}
    invent(mailboxes={ALICE: finding})
    learnt = unwanted(recipes.render("mbsync", alice))

    assert {"Calendar", "Contacts", "Tasks", "Notes", "Journal", "Outbox", "Sync Issues"} <= set(unwanted(text))
    assert not {"Kalender", "INBOX"} & set(unwanted(text))
    assert f"For others first run: offlineimap-m365 folders {ALICE} --learn" in text
    assert learnt[:3] == ["Agenda", "Teht\u00e4v\u00e4t", "Teht&AOQ-v&AOQ-t"]
    assert not {"Notes", "notes", "50%", "*"} & set(learnt)


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
