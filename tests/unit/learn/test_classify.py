"""What a whole mailbox tells by its folders' names: its languages, each folder's verdict, local names, warnings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.folders import learned
from offlineimap_m365.folders.folder_filter import build_filter, known_languages, load_table
from offlineimap_m365.folders.utf7 import encode
from offlineimap_m365.learn import classify
from offlineimap_m365.learn.classify import Finding, find_out
from offlineimap_m365.learn.language import Names
from offlineimap_m365.learn.look import is_item
from offlineimap_m365.mail.folder_list import Folder
from tests import signed_in_accounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TABLE = load_table()
ALICE = "alice@example.org"
#: What an Exchange mailbox always has.
DEFAULT = (
    "calendar", "contacts", "tasks", "notes", "journal", "outbox",
    "drafts", "sent_items", "deleted_items", "junk_email",
)  # fmt: skip


def mailbox(language: str, kinds: tuple[str, ...] = DEFAULT) -> list[str]:
    """Return the default folders of a mailbox in *language*, by the best known name of each kind."""
    rows = [row for row in TABLE["names"] if row["language"] == language and row["kind"] in kinds]
    rows.sort(key=lambda row: (len(row["sources"]), row["name"]))
    return ["INBOX", *{row["kind"]: row["name"] for row in rows}.values()]


def with_kinds(number: int) -> list[str]:
    """Return the languages that have names of so many kinds which mean nothing else."""
    strong = [row for row in TABLE["names"] if row["kind"] in DEFAULT and not row.get("ambiguous")]
    kinds = {code: {row["kind"] for row in strong if row["language"] == code} for code in known_languages(TABLE)}
    return [language for language, found in kinds.items() if len(found) >= number]


#: The languages that can be told by names; of those that are complete, also among many English names.
TOLD, COMPLETE = with_kinds(3), with_kinds(8)
#: A Dutch mailbox after some years.
DUTCH = [
    "INBOX", "Verzonden items", "Verwijderde items", "Concepten", "Ongewenste e-mail", "Postvak UIT", "Agenda", "Taken",
    "Contactpersonen", "Notities", "Projecten", "INBOX/Agenda", "Projecten/Taken",
]  # fmt: skip


def listed(names: Iterable[str], **flags: str) -> list[Folder]:
    """Return folders as a server lists them, with the *flags* of some."""
    return [Folder(name, frozenset([flags[name]] if name in flags else [])) for name in names]


def left_out(finding: Finding) -> list[str]:
    """Return what a finding says is no mail."""
    return [name for name, verdict in finding.verdicts.items() if not verdict.is_mail]


def test_forty_languages_are_told_by_names() -> None:
    """Most people's are among them; the others go by what is in a folder."""
    assert len(TOLD) >= 35
    assert {"pl", "sv", "tr"} <= set(TOLD)
    assert {"de", "en", "es", "fr", "it", "ja", "pt-BR", "ru"} <= set(COMPLETE)


def test_a_few_names_are_no_proof(subtests: pytest.Subtests) -> None:
    """Ordinary words, single names and every mailbox's English names tell none; one half renamed speaks both."""
    mail = mailbox("nl", ("drafts", "sent_items", "deleted_items", "junk_email"))
    items = mailbox("ja", ("calendar", "contacts", "tasks", "notes", "journal", "outbox"))
    cases: list[tuple[list[str], list[tuple[str, ...]]]] = [
        (["INBOX"], []),
        (["INBOX", "Sent", "Trash", "Drafts", "Projects", "Family"], []),
        (["Kalender", "Kontakte"], []),
        (["INBOX", "Agenda", "Taken", "Concepten"], []),
        (["Calendar", "Sent Items", "Drafts", "Agenda", "Taken", "Note"], [("en",)]),
        ([*mailbox("de"), "Sync Issues", "Conversation Action Settings"], [("de",)]),
        ([*mailbox("en"), "Kalender", "Archiv"], [("en",)]),
        ([*mail, *items], [("ja",), ("nl",)]),  # the one that explains more first
    ]
    for names, languages in cases:
        with subtests.test(str(names)):
            assert list(Names(TABLE, names).languages) == languages


def test_exactly_the_mail_is_kept_once_a_language_is_learnt(subtests: pytest.Subtests) -> None:
    """In every language, ambiguous words included; what is not known in it is kept."""
    for language in TOLD:
        with subtests.test(language):
            names = [*mailbox(language), "Projects", "Calendar redesign", "INBOX/Notes"]

            finding = find_out(TABLE, listed(encode(name) for name in names))
            wanted = build_filter(learnt=finding.as_profile())

            assert language in finding.languages[0]
            no_mail = set(mailbox(language, DEFAULT[:6])) - {"INBOX"}
            assert {name for name in names if not wanted(encode(name))} == no_mail
            assert {name for name in names if not wanted(name)} == no_mail


def test_a_folder_with_nothing_but_items_is_left_out() -> None:
    """Unless its name is known for mail; the names of the mailbox's language come first."""
    for name in ("Kalender1", "Termine", "Agenda", "Entwürfe", "Notizen"):
        folders = listed(dict.fromkeys([*mailbox("de"), name]))

        finding = find_out(TABLE, folders, {name})

        assert finding.verdicts[name].is_mail is (name == "Entwürfe")
        looked_at = [folder.name for folder in classify.worth_a_look(find_out(TABLE, folders), folders)]
        assert looked_at == [name] * (name in ("Kalender1", "Termine", "Agenda"))


def test_what_is_in_doubt_is_kept_and_named() -> None:
    """A calendar that is missing, and an unknown language: one warning each; where there is nothing to tell, none."""
    swedish = [*(name for name in mailbox("sv") if name != "Kalender"), "Tidsplan"]
    for folders, warning in (
        (["INBOX", "jajmey", "Qumwi'"], "language of this mailbox is unknown"),
        (swedish, "as the calendar, so"),
    ):
        finding = find_out(TABLE, listed(folders))

        assert len(finding.warnings) == 1
        assert warning in finding.warnings[0]
        assert not {"jajmey", "Tidsplan"} & set(left_out(finding))
    for bare in (["INBOX"], ["INBOX", "INBOX/x"], []):
        finding = find_out(TABLE, listed(bare))

        assert (finding.warnings, left_out(finding)) == ((), [])


PLAIN = {"Sent Items": "Sent", "Deleted Items": "Trash", "Junk Email": "Junk"}
GERMAN = {"Gesendete Elemente": "Sent", "Gelöschte Elemente": "Trash", "Junk-E-Mail": "Junk"}
PERSONAL = ["Inbox", "Sent", "Deleted", "Junk", "Drafts", "Archive", "Notes", "Outbox"]


def test_mail_folders_get_the_names_that_other_programs_know() -> None:
    """The server's flag comes before a name, the mailbox's language before another; else the plain pair's names."""
    cases: list[tuple[list[str], dict[str, str]]] = [
        ([*PLAIN, "Sent", "Drafts", "Outbox", "Calendar"], PLAIN),
        (["Sent Items", *mailbox("de")], GERMAN),
        (PERSONAL, {"Sent": "Sent", "Deleted": "Trash", "Junk": "Junk"}),
        (["Sent Items", "ngeHta'"], {"ngeHta'": "Sent"} | {name: PLAIN[name] for name in list(PLAIN)[1:]}),
        ([], PLAIN),
    ]
    for folders, local_names in cases:
        assert find_out(TABLE, listed(folders, **{"ngeHta'": "\\sent"})).names == local_names


def test_headers_tell_items_from_mail() -> None:
    """A stand-in, an appointment or a card is an item; what was received is mail, invitations included."""
    stand_in = "Subject: Retrieval using the IMAP4 protocol failed for the following message: 7"
    items = [stand_in, f"Received: from a\n{stand_in}", "Content-Type: text/calendar; charset=utf-8"]
    items.append("Content-Type: text/x-vcard")
    mail = ["Received: from a\nContent-Type: text/calendar; method=REQUEST", "Received: from a\nSubject: x"]
    mail += ["Subject: a draft", "", "Content-Type: \x01///;;; =", "Subject: =?x-unknown?b?///?="]

    assert [text for text in [*items, *mail] if is_item(HeaderParser().parsestr(f"{text}\n\n"))] == items


def test_findings_are_kept_in_the_profile(world: World) -> None:
    """By mailbox, under the account's lock: of eight learnt at once, eight are kept, and what was known before."""
    account = signed_in_accounts.invent(mailboxes={"info@example.org": {"not_mail": ["Agenda"]}})
    finding = find_out(TABLE, listed(DUTCH))
    mailboxes = ["ALICE@example.org", *(f"team{number}@example.org" for number in range(7))]

    with ThreadPoolExecutor(8) as pool:
        stored, *_ = pool.map(lambda name: classify.keep(account, name, finding), mailboxes)

    kept = profiles.get(ALICE).mailboxes
    assert sorted(kept) == sorted([ALICE, "info@example.org", *mailboxes[1:]])
    assert kept["info@example.org"] == {"not_mail": ["Agenda"]}
    assert learned.find(ALICE) == kept[ALICE] == stored
    assert stored["not_mail"] == ["Agenda", "Contactpersonen", "Notities", "Postvak UIT", "Taken"]


def test_a_profile_that_cannot_be_written_is_named(world: World) -> None:
    """Without the right to write it is 78 with the place."""
    account = signed_in_accounts.invent()
    world.folder(ALICE).chmod(0o500)

    with pytest.raises(errors.Misconfigured, match="cannot be saved in"):
        classify.keep(account, ALICE, find_out(TABLE, []))


def test_what_changed_since_it_was_learnt() -> None:
    """A new folder that holds no mail but is kept, and one that is gone, are told; any other folder changes nothing."""
    before = find_out(TABLE, listed(name for name in DUTCH if name != "Agenda")).as_profile()
    later = [name for name in DUTCH if name != "Taken"] + ["Nieuw", "Calendar", "Dagboek"]

    assert classify.changed(find_out(TABLE, listed(name for name in DUTCH if name != "Agenda")), before) == []
    assert classify.changed(find_out(TABLE, listed(later)), before) == ["Agenda", "Taken"]
