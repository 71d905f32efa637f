"""The command ``folders`` and what it learns, against mailboxes in several languages on a real server."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import offlineimap_m365
from tests.in_process import run
from tests.m365.exchange.mail import make_message, stand_in
from tests.mail_servers import OK, ImapServer
from tests.signed_in_accounts import ALICE, invent
from tests.unit.learn.test_classify import mailbox
from tests.whole.mail_user import sign_in_quickly

if TYPE_CHECKING:
    from collections.abc import Sequence

    import trustme

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import Outcome, World

BOB, TEAM = "bob@example.org", "team@example.org"
ITEMS = ("calendar", "contacts", "tasks", "notes", "journal")
MAIL = ("drafts", "sent_items", "deleted_items", "junk_email")


@pytest.fixture
def alice(world: World, entra: Entra, exchange: Exchange) -> World:
    """Return Alice, signed in; her mailbox is still to be made."""
    entra.access_token_seconds = 3600
    sign_in_quickly(world, entra, exchange=exchange)
    return world


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


@pytest.mark.parametrize("language", ["de", "ja", "he"])
def test_a_mailbox_in_one_language(alice: World, exchange: Exchange, language: str) -> None:
    """Not learnt, no mail is lost; learnt, exactly the mail is kept, and the line to paste says so; no token leaks."""
    items = mailbox(language, ITEMS)[1:]
    mail = [*mailbox(language, MAIL), "INBOX/Notes", "Projects", "Projects/Calendar", "Agendas"]
    add_folders(exchange, mail, items)

    runs = [run("folders", "--json", *words) for words in ([], ["--learn", "-v"], [])]

    before, after, again = map(listed, runs)
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
    seen = "".join(done.out + done.err for done in runs) + (alice.folder(ALICE) / "profile.json").read_text("utf-8")
    assert [secret for secret in alice.secrets(ALICE) if secret in seen] == []


def test_a_mailbox_in_a_language_without_names(alice: World, exchange: Exchange) -> None:
    """Learned by its messages: a folder with nothing but stand-ins is left out; one alone is no proof."""
    add_folders(exchange, ["INBOX", "ngeHta'", "Qumwi'"], ["nuvpu'"])
    exchange.add_folders(ALICE, {"jajmey": [stand_in(ALICE, number, "x") for number in (1, 2, 3)]})

    before, learnt = run("folders"), run("folders", "--learn")

    assert (before.code, learnt.code) == (0, 0)
    assert not re.findall(r"^\S+ +no", before.out, re.MULTILINE)
    assert re.findall(r"^(\S+) +no", learnt.out, re.MULTILINE) == ["jajmey"]
    wanted = offlineimap_m365.make_folderfilter(account=ALICE)
    assert [wanted(name) for name in ("jajmey", "nuvpu'", "INBOX")] == [False, True, True]


def test_a_shared_mailbox(alice: World, exchange: Exchange) -> None:
    """Opened with the account's token, learnt on its own, and named in the line to paste."""
    add_folders(exchange, mailbox("nl", MAIL), ["Agenda"], TEAM)
    exchange.grant(ALICE, TEAM)

    found = listed(run("folders", ALICE, "--mailbox", TEAM, "--learn", "--json"))

    line = f'folderfilter = make_folderfilter(account="{ALICE}", mailbox="{TEAM}")'
    assert found["lines"]["folderfilter"] == line
    assert not pasted(line)("Agenda")
    assert offlineimap_m365.make_folderfilter(account=ALICE)("Agenda")


STRANGE = [
    b"&", b"&illisible-", b"&2AA-", b"a\xff\xfe", b"x" * 10_000, b"\x1b[31mred", b"&IC4-evil", b"a//b", b"/",
    b"Calendar/",
]  # fmt: skip


def test_strange_names_are_shown_and_kept(world: World, ca: trustme.CA) -> None:
    """No name of a server ends the command or reaches the terminal as it is."""
    names = [b'"%s"' % name for name in STRANGE] + [b"{4}\r\na\0\r\n", b"{0}\r\n", b'""']
    answer = b"".join(b'* LIST () "/" %s\r\n' % name for name in [*names, b"INBOX", b'"Drafts"'])

    with ImapServer(ca, {"LIST": answer + OK, "EXAMINE": b"TAG NO no\r\n"}) as server:
        invent(imap=server.address)
        runs = [run("folders", *words) for words in ([], ["--json"], ["--learn"])]

    assert [done.code for done in runs] == [0, 0, 0], runs
    assert not {"\x1b", "\u202e"} & set("".join(done.out + done.err for done in runs))
    rows = listed(runs[1])["folders"]
    assert {row["name"] for row in rows if not row["kept"]} == {"Calendar/"}
    assert len(rows) == len(STRANGE) + 3
