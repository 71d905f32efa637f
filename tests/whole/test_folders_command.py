"""The command ``folders`` and what it learns, against mailboxes in several languages on a real server."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import offlineimap_m365
from tests import signed_in_accounts
from tests.m365.exchange.mail import make_message, stand_in
from tests.m365.person import Browser
from tests.mail_servers import OK, ImapServer
from tests.sign_in import PASSWORD, sign_in
from tests.unit.learn.test_language import mailbox
from tests.whole.mail_user import sign_in_quickly
from tests.whole.terminal import Terminal, product

if TYPE_CHECKING:
    from collections.abc import Sequence

    import trustme

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import Outcome, World

ALICE = "alice@example.org"
ITEMS = ("calendar", "contacts", "tasks", "notes", "journal")
MAIL = ("drafts", "sent_items", "deleted_items", "junk_email")


@pytest.fixture
def alice(world: World, entra: Entra, exchange: Exchange) -> World:
    """Return Alice, signed in; her mailbox is still to be made."""
    entra.access_token_seconds = 3600
    user = product(world)
    sign_in_quickly(user, entra, exchange=exchange)
    return user


def add_folders(exchange: Exchange, mail: Sequence[str], items: Sequence[str], address: str = ALICE) -> None:
    """Make a mailbox with a message in each folder of *mail*, which came by mail, and a stand-in in each of *items*."""
    came = {folder: [b"Received: from a.example\r\n" + make_message(address, folder, 0)] for folder in mail}
    shown = {folder: [stand_in(address, 1, f"An item of {folder}")] for folder in items}
    exchange.add_folders(address, came | shown)


def listed(done: Outcome) -> dict[str, Any]:
    """Return the JSON of ``folders --json``."""
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    assert found["schema"] == 1
    return found


def left_out(found: dict[str, Any]) -> set[str]:
    """Return the folders that the filter leaves out."""
    return {row["unicode"] for row in found["folders"] if not row["kept"]}


def pasted(line: str) -> Any:
    """Return what OfflineIMAP makes of a line to paste: its value, evaluated."""
    value = line.partition(" = ")[2].replace("%%", "%")
    ast.parse(value, mode="eval")
    return eval(value, vars(offlineimap_m365) | {n: getattr(offlineimap_m365, n) for n in offlineimap_m365.__all__})


@pytest.mark.parametrize("language", ["de", "ja", "nl", "he", "fi"])
def test_a_mailbox_in_one_language(alice: World, exchange: Exchange, language: str) -> None:
    """Not learnt, no mail is lost; learnt, exactly the mail is kept, and the line to paste says so."""
    items = mailbox(language, ITEMS)[1:]
    mail = [*mailbox(language, MAIL), "INBOX/Notes", "Projects", "Projects/Calendar", "Agendas"]
    add_folders(exchange, mail, items)

    before = listed(alice.run("folders", "--json"))
    after = listed(alice.run("folders", "--json", "--learn"))
    again = listed(alice.run("folders", "--json"))

    assert left_out(before) <= set(items)
    assert before["learnt_at"] is None
    assert left_out(after) == left_out(again) == set(items)
    assert after["languages"][0] == [language]
    assert {row["unicode"]: row["messages"] for row in after["folders"]} == dict.fromkeys([*mail, *items], 1)
    wanted = pasted(after["lines"]["folderfilter"])
    assert {row["unicode"] for row in after["folders"] if not wanted(row["name"])} == set(items)
    remote, local = (pasted(after["lines"][f"nametrans_{side}"]) for side in ("remote", "local"))
    names = [row["name"] for row in after["folders"]]
    assert {remote(name) for name in names} >= {"Sent", "Trash", "Junk"}
    assert [local(remote(name)) for name in names] == names
    assert {row["local_name"] for row in after["folders"] if row["kept"]} >= {"Sent", "Trash", "Junk"}


def test_a_mix_of_languages(alice: World, exchange: Exchange) -> None:
    """Half Dutch, half English after a move: both are told, and the ambiguous words of both count."""
    add_folders(exchange, [*mailbox("nl", MAIL), "Werk"], [*mailbox("en", ITEMS)[1:], "Agenda", "Taken"])

    found = listed(alice.run("folders", "--json", "--learn"))

    assert {tuple(group) for group in found["languages"]} == {("nl",), ("en",)}
    assert left_out(found) == {*mailbox("en", ITEMS)[1:], "Agenda", "Taken"}


def test_a_mailbox_in_a_language_without_names(alice: World, exchange: Exchange) -> None:
    """Learned by its messages: a folder with nothing but stand-ins is left out; one alone is no proof."""
    add_folders(exchange, ["INBOX", "ngeHta'", "Qumwi'"], ["nuvpu'"])
    exchange.add_folders(ALICE, {"jajmey": [stand_in(ALICE, number, "x") for number in (1, 2, 3)]})

    before = alice.run("folders")
    learnt = alice.run("folders", "--learn")

    assert (before.code, learnt.code) == (0, 0)
    assert not re.findall(r"^\S+ +no", before.out, re.MULTILINE)
    assert re.findall(r"^(\S+) +no", learnt.out, re.MULTILINE) == ["jajmey"]
    wanted = offlineimap_m365.make_folderfilter(account=ALICE)
    assert [wanted(name) for name in ("jajmey", "nuvpu'", "INBOX")] == [False, True, True]


def test_what_came_later_is_told(alice: World, exchange: Exchange) -> None:
    """If a folder that appears after learning seems to hold no mail, learning again is advised."""
    add_folders(exchange, mailbox("nl", MAIL), [name for name in mailbox("nl", ITEMS)[1:] if name != "Agenda"])
    alice.run("folders", "--learn")
    exchange.add_folders(ALICE, {"Nieuw": [], "Agenda": [stand_in(ALICE, 1, "x")]})

    later = alice.run("folders")
    learnt = alice.run("folders", "--learn")
    settled = alice.run("folders")

    assert f"Run: offlineimap-m365 folders {ALICE} --learn" in later.err
    assert re.search(r"^Agenda +no", learnt.out, re.MULTILINE)
    assert re.search(r"^Nieuw +yes", learnt.out, re.MULTILINE)
    assert settled.err == ""


def test_the_table(alice: World, exchange: Exchange) -> None:
    """Columns stand below one another whatever the script, and every row says why."""
    add_folders(
        exchange, ["INBOX", "Projekte", "Gesendete Elemente", "Entwürfe", "Gelöschte Elemente"], ["Kalender", "予定表"]
    )

    done = alice.run("folders")

    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:8] == [
        "FOLDER              SYNCED  WHY                      CALLED HERE         MESSAGES",
        "INBOX               yes     INBOX is always kept     INBOX               1",
        "Entwürfe            yes     drafts (de)              Entwürfe            1",
        "Gelöschte Elemente  yes     deleted items (de)       Gelöschte Elemente  1",
        "Gesendete Elemente  yes     sent items (de)          Gesendete Elemente  1",
        "Kalender            no      calendar (de)            -                   1",
        "Projekte            yes     a folder like any other  Projekte            1",
        "予定表              no      calendar (ja)            -                   1",
    ]
    assert "folderfilter = folderfilter" in lines


def test_a_shared_mailbox(alice: World, exchange: Exchange) -> None:
    """Opened with the account's token, learnt on its own, and named in the line to paste."""
    add_folders(exchange, mailbox("nl", MAIL), ["Agenda"], "team@example.org")
    exchange.grant(ALICE, "team@example.org")

    found = listed(alice.run("folders", ALICE, "--mailbox", "team@example.org", "--learn", "--json"))

    line = f'folderfilter = make_folderfilter(account="{ALICE}", mailbox="team@example.org")'
    assert found["lines"]["folderfilter"] == line
    assert not pasted(line)("Agenda")
    assert offlineimap_m365.make_folderfilter(account=ALICE)("Agenda")


def test_login_offers_it_once(alice: World, entra: Entra, exchange: Exchange) -> None:
    """On a terminal, in one line without a question, until the mailbox was learnt; a new sign-in keeps what was."""
    add_folders(exchange, mailbox("de", MAIL), mailbox("de", ITEMS)[1:])
    offer = f"Folders not in English? offlineimap-m365 folders {ALICE} --learn\n"

    silent = sign_in(alice, entra, ALICE)
    first = sign_in_at_terminal(alice, entra)
    learnt = alice.run("folders", "--learn")
    second = sign_in_at_terminal(alice, entra)

    assert (silent.code, learnt.code) == (0, 0)
    assert [offer in said for said in (silent.err, first, second)] == [False, True, False]
    assert not offlineimap_m365.make_folderfilter(account=ALICE)("Notizen/x")
    assert alice.run("folders").err == ""


def sign_in_at_terminal(world: World, entra: Entra) -> str:
    """Sign Alice in again on a terminal; return what it showed."""
    with Terminal(world, "login", ALICE, "--paste") as terminal, Browser(entra.ca_file) as browser:
        landing = browser.sign_in(terminal.address, ALICE, PASSWORD)
        terminal.type(f"{landing.address}\r")
        done = terminal.end()
        assert done.code == 0, done.err
        return terminal.screen


def test_a_mailbox_that_does_not_open(alice: World, exchange: Exchange) -> None:
    """Not connected or a token that is refused: 77 with the cause; a server that is gone: 75; nothing on stdout."""
    exchange.add_mailbox("bob@example.org", [])

    closed = alice.run("folders", "--mailbox", "bob@example.org")
    exchange.token_life_override = 0.0
    refused = alice.run("folders")
    exchange.stop()
    gone = alice.run("folders")

    assert [(done.code, done.out) for done in (closed, refused, gone)] == [(77, ""), (77, ""), (75, "")]
    assert "does not open the mailbox bob@example.org" in closed.err
    assert "AUTHENTICATE failed" in refused.err
    assert not {secret for secret in alice.secrets(ALICE) if secret in closed.err + refused.err + gone.err}


@pytest.mark.parametrize(
    ("words", "code"), [(["nobody@example.org"], 77), (["--mailbox", "a b"], 2), (["--mailbox"], 2), (["a", "b"], 2)]
)
def test_usage(alice: World, words: list[str], code: int) -> None:
    """An unknown account is 77, what can never work 2."""
    done = alice.run("folders", *words)

    assert (done.code, done.out) == (code, "")


STRANGE = [
    b"&", b"&illisible-", b"&2AA-", b"a\xff\xfe", b"x" * 10_000, b"\x1b[31mred", b"&IC4-evil", b"a//b", b"/",
    b"Calendar/",
]  # fmt: skip


@pytest.mark.parametrize("arguments", [[], ["--learn"], ["--json"]])
def test_strange_names_are_shown_and_kept(world: World, ca: trustme.CA, arguments: list[str]) -> None:
    """No name of a server ends the command or reaches the terminal as it is."""
    names = [b'"%s"' % name for name in STRANGE] + [b"{4}\r\na\0\r\n", b"{0}\r\n", b'""']
    answer = b"".join(b'* LIST () "/" %s\r\n' % name for name in [*names, b"INBOX", b'"Drafts"'])
    answers = {"LIST": answer + OK, "EXAMINE": b"TAG NO no\r\n"}

    with ImapServer(ca, answers) as server:
        signed_in_accounts.invent(imap=server.address)
        done = world.run("folders", *arguments)

    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err
    assert "\u202e" not in done.out + done.err
    if arguments == ["--json"]:
        rows = json.loads(done.out)["folders"]
        assert {row["name"] for row in rows if not row["kept"]} == {"Calendar/"}
        assert len(rows) == len(STRANGE) + 3


def test_no_secret_is_left_anywhere(alice: World, exchange: Exchange) -> None:
    """Neither in what is said nor in a file outside the store nor among a process's arguments is a token."""
    add_folders(exchange, mailbox("de", MAIL), mailbox("de", ITEMS)[1:])
    secrets = alice.secrets(ALICE)
    watched = subprocess.Popen(
        [*alice.command, "folders", "--learn", "-v"],
        env=alice.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = ""
    while watched.poll() is None:
        seen += alice.execute(["ps", "-eww", "-o", "args"]).out

    seen += watched.communicate()[0]
    seen += (alice.folder(ALICE) / "profile.json").read_text(encoding="utf-8")

    assert watched.returncode == 0
    assert [secret for secret in secrets if secret in seen] == []
