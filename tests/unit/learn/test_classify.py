"""Classifying a whole mailbox: each folder's verdict, local names, warnings."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.folders import learned
from offlineimap_m365.folders.folder_filter import build_filter, load_table
from offlineimap_m365.folders.utf7 import encode
from offlineimap_m365.learn import classify
from offlineimap_m365.learn.classify import Evidence, Finding, find_out
from offlineimap_m365.learn.look import weigh
from offlineimap_m365.mail.folder_list import Folder
from tests import signed_in_accounts
from tests.unit.learn.test_language import DEFAULT, TOLD, mailbox

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from pathlib import Path

    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TABLE = load_table()
ALICE = "alice@example.org"
#: Mail came in, and stand-ins only.
MAIL, ITEMS = Evidence(mail=3, total=3), Evidence(items=3, total=3)
#: A Dutch mailbox after some years.
DUTCH = [
    "INBOX", "Verzonden items", "Verwijderde items", "Concepten", "Ongewenste e-mail", "Postvak UIT", "Agenda", "Taken",
    "Contactpersonen", "Notities", "Projecten", "INBOX/Agenda", "Projecten/Taken",
]  # fmt: skip


def listed(names: Iterable[str], **flags: str) -> list[Folder]:
    """Return folders as a server lists them, with the flags of some by their first component."""
    return [
        Folder(name, frozenset([flags[name.replace(" ", "_")]] if name.replace(" ", "_") in flags else []))
        for name in names
    ]


def left_out(finding: Finding) -> list[str]:
    """Return what a finding says is no mail."""
    return [name for name, verdict in finding.verdicts.items() if not verdict.is_mail]


@pytest.mark.parametrize("language", TOLD)
def test_exactly_the_mail_is_kept_once_a_language_is_learnt(language: str) -> None:
    """In every language, ambiguous words included; what is not known in it is kept."""
    names = [*mailbox(language), "Projects", "Calendar redesign", "INBOX/Notes"]
    no_mail = set(mailbox(language, ("calendar", "contacts", "tasks", "notes", "journal", "outbox"))) - {"INBOX"}

    finding = find_out(TABLE, listed(encode(name) for name in names), {})
    wanted = build_filter(learnt=finding.as_profile())

    assert {name for name in names if not wanted(encode(name))} == no_mail
    assert {name for name in names if not wanted(name)} == no_mail


def test_words_of_the_mailbox_s_language_count() -> None:
    """Agenda and Taken are no mail in a Dutch mailbox, on top and whole; below other folders they are."""
    finding = find_out(TABLE, listed(DUTCH), {})

    assert finding.languages == (("nl",),)
    assert left_out(finding) == ["Postvak UIT", "Agenda", "Taken", "Contactpersonen", "Notities"]
    assert finding.verdicts["Agenda"].rule == "language"
    assert finding.warnings == ()


def test_mail_in_a_folder_contradicts_an_ambiguous_name() -> None:
    """An Agenda into which mail came is kept even in a Dutch mailbox, and it is said."""
    finding = find_out(TABLE, listed(DUTCH), {"Agenda": MAIL, "Taken": ITEMS})

    assert finding.verdicts["Agenda"].is_mail
    assert not finding.verdicts["Taken"].is_mail
    assert finding.as_profile()["mail"] == ["Agenda"]
    assert any(warning.startswith("Agenda ") for warning in finding.warnings)


@pytest.mark.parametrize(
    ("name", "evidence", "is_mail"),
    [
        ("Kalender1", ITEMS, False),
        ("Termine", ITEMS, False),
        ("Agenda", ITEMS, False),
        ("Termine", Evidence(items=1, total=1), True),
        ("Termine", Evidence(items=2, total=3), True),
        ("Termine", Evidence(), True),
        ("Termine", MAIL, True),
        ("Entwürfe", ITEMS, True),
        ("Notes", Evidence(), False),
        ("Notes", MAIL, True),
        ("Notizen", MAIL, False),
    ],
)
def test_a_folder_goes_by_its_name_or_its_messages(name: str, evidence: Evidence, is_mail: bool) -> None:
    """
    An unknown name is left out if there are several messages and each is an item; a name known for mail never is.

    The only folder of its kind goes by its name; beside Notizen, Notes may be somebody's own (exchangelib#1156).
    """
    finding = find_out(TABLE, listed(dict.fromkeys([*mailbox("de"), name])), {name: evidence})

    assert finding.verdicts[name].is_mail is is_mail


def test_a_mailbox_in_an_unknown_language_is_told_by_its_messages() -> None:
    """A language without a single name works: what holds items is left out, and flags keep what is for mail."""
    klingon = ["INBOX", "jajmey", "Qumwi'", "ngeHta'", "polHa'", "qaStaHvIS"]
    evidence = {"jajmey": ITEMS, "Qumwi'": ITEMS, "ngeHta'": ITEMS, "polHa'": MAIL}

    finding = find_out(TABLE, listed(klingon, **{"ngeHta'": "\\sent"}), evidence)

    assert finding.languages == ()
    assert left_out(finding) == ["jajmey", "Qumwi'"]
    assert [name for name in klingon if not build_filter(learnt=finding.as_profile())(name)] == ["jajmey", "Qumwi'"]
    assert finding.names["ngeHta'"] == "Sent"
    assert [warning.split(" is kept")[0] for warning in finding.warnings] == ["ngeHta'"]


@pytest.mark.parametrize(
    ("folders", "evidence", "warning"),
    [
        ([*mailbox("de"), "Projekte/Termine"], {"Projekte/Termine": ITEMS}, r"drop=\['Projekte/Termine'\]"),
        (["INBOX", "jajmey"], {}, "language of this mailbox is unknown"),
        ([*(name for name in mailbox("sv") if name != "Kalender"), "Tidsplan"], {}, "as the calendar, so"),
        (mailbox("en"), {"Notes": MAIL}, r"Notes is left out .*keep=\['Notes'\]"),
        ([*mailbox("de"), "Notes"], {"Notes": MAIL}, "Notes is kept in spite of its name"),
    ],
)
def test_what_is_in_doubt_is_named(folders: list[str], evidence: dict[str, Evidence], warning: str) -> None:
    """What contradicts the messages, a calendar that is missing, and an unknown language: one warning each."""
    finding = find_out(TABLE, listed(folders), evidence)

    assert len(finding.warnings) == 1
    assert re.search(warning, finding.warnings[0])


@pytest.mark.parametrize("names", [["INBOX"], ["INBOX", "INBOX/x"], []])
def test_a_bare_mailbox_gives_no_warning(names: list[str]) -> None:
    """Where there is nothing to tell, nothing is said."""
    finding = find_out(TABLE, listed(names), {})

    assert finding.warnings == ()
    assert left_out(finding) == []


PLAIN = {"Sent Items": "Sent", "Deleted Items": "Trash", "Junk Email": "Junk"}
GERMAN = {"Gesendete Elemente": "Sent", "Gelöschte Elemente": "Trash", "Junk-E-Mail": "Junk"}
PERSONAL = ["Inbox", "Sent", "Deleted", "Junk", "Drafts", "Archive", "Notes", "Outbox"]


@pytest.mark.parametrize(
    ("folders", "local_names"),
    [
        ([*PLAIN, "Sent", "Drafts", "Outbox", "Calendar"], PLAIN),
        (["Sent Items", *mailbox("de")], GERMAN),
        (PERSONAL, {"Sent": "Sent", "Deleted": "Trash", "Junk": "Junk"}),
        (["Sent Items", "ngeHta'"], {"ngeHta'": "Sent"} | {name: PLAIN[name] for name in list(PLAIN)[1:]}),
        ([], PLAIN),
    ],
)
def test_mail_folders_get_the_names_that_other_programs_know(folders: list[str], local_names: dict[str, str]) -> None:
    """The server's flag comes before a name, the mailbox's language before another; else the plain pair's names."""
    finding = find_out(TABLE, listed(folders, **{"ngeHta'": "\\sent"}), {})

    assert finding.names == local_names


@pytest.mark.parametrize("name", ["", "/", "\0", "&", "&illisible-", "&2AA-", "a" * 10_000, "a/" * 5_000, "\udc80"])
def test_no_name_of_a_server_is_too_strange(name: str) -> None:
    """Whatever a server lists has a verdict, and mail is kept."""
    finding = find_out(TABLE, listed([*mailbox("de"), name]), {name: MAIL})

    assert finding.verdicts[classify.top(name)].is_mail
    assert set(left_out(finding)) == set(mailbox("de", tuple(kind for kind in DEFAULT[:6]))) - {"INBOX"}


def test_what_is_worth_a_look() -> None:
    """First what has a doubtful name, then what has none that is known, then nested ones; never known mail or INBOX."""
    names = [
        "INBOX", "INBOX/x", "Sent Items", "Sent Items/x", "Outbox", "Calendar/x", "a/b", "Projects", "Agenda", "Notes",
    ]  # fmt: skip

    found = classify.worth_a_look(TABLE, listed(names))

    assert [folder.name for folder in found] == ["Agenda", "Notes", "Projects", "a/b"]


def headers(text: str) -> Message:
    """Return a message with these headers."""
    return HeaderParser().parsestr(text + "\n\n")


@pytest.mark.parametrize(
    ("text", "items", "mail"),
    [
        ("Subject: Retrieval using the IMAP4 protocol failed for the following message: 7", 1, 0),
        ("Received: from a\nSubject: Retrieval using the IMAP4 protocol failed for the following message: 7", 1, 0),
        ("Content-Type: text/calendar; charset=utf-8", 1, 0),
        ("Content-Type: text/x-vcard", 1, 0),
        ("Received: from a\nContent-Type: text/calendar; method=REQUEST", 0, 1),
        ("Received: from a\nSubject: x", 0, 1),
        ("Subject: a draft", 0, 0),
        ("", 0, 0),
        ("Content-Type: \x01///;;; =", 0, 0),
        ("Subject: =?x-unknown?b?///?=", 0, 0),
    ],
)
def test_headers_tell_items_from_mail(text: str, items: int, mail: int) -> None:
    """A stand-in, an appointment or a card is an item; what was received is mail, invitations included."""
    found = weigh([headers(text)])

    assert (found.items, found.mail, found.total) == (items, mail, 1)


def test_a_finding_is_kept_in_the_profile(world: World) -> None:
    """Under the account's lock, by mailbox; what is known of others stays, and nothing secret is among it."""
    account = signed_in_accounts.invent(mailboxes={"info@example.org": {"not_mail": ["Agenda"]}})
    finding = find_out(TABLE, listed(DUTCH), {})

    stored = classify.keep(account, "ALICE@example.org", finding)

    again = profiles.get(ALICE)
    assert again.mailboxes == {"info@example.org": {"not_mail": ["Agenda"]}, ALICE: stored}
    assert learned.find(ALICE) == stored
    assert stored["not_mail"] == ["Agenda", "Contactpersonen", "Notities", "Postvak UIT", "Taken"]
    assert learned.is_finding(stored)


def test_findings_of_two_processes_do_not_get_lost(world: World) -> None:
    """Each takes the profile as it is under the lock: of eight mailboxes learnt at once, eight are kept."""
    account = signed_in_accounts.invent()
    finding = find_out(TABLE, listed(DUTCH), {})
    mailboxes = [f"team{number}@example.org" for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda mailbox: classify.keep(account, mailbox, finding), mailboxes))

    assert sorted(profiles.get(ALICE).mailboxes) == mailboxes


def test_a_profile_that_cannot_be_written_is_named(world: World, tmp_path: Path) -> None:
    """Without the right to write, 78 with the place; without the account, 77."""
    account = signed_in_accounts.invent()
    folder = world.folder(ALICE)
    folder.chmod(0o500)

    with pytest.raises(errors.Misconfigured, match="cannot be saved in"):
        classify.keep(account, ALICE, find_out(TABLE, [], {}))
    folder.chmod(0o700)
    folder.rename(tmp_path / "gone")
    with pytest.raises(errors.SignInNeeded, match="is not signed in"):
        classify.keep(account, ALICE, find_out(TABLE, [], {}))


def test_what_changed_since_it_was_learnt() -> None:
    """A new folder that holds no mail but is kept, and one that is gone, are told; any other folder changes nothing."""
    before = find_out(TABLE, listed(DUTCH), {}).as_profile()
    later = [name for name in DUTCH if name != "Taken"] + ["Nieuw", "Calendar", "Dagboek", "Agenda1"]

    same = classify.changed(find_out(TABLE, listed(DUTCH), {"Agenda": ITEMS}), before)
    found = classify.changed(find_out(TABLE, listed(later), {"Agenda1": ITEMS}), before)

    assert same == []
    assert found == ["Agenda1", "Taken"]
