"""What ``folders`` shows of each folder, and the lines to paste."""

from __future__ import annotations

import ast
import configparser

from offlineimap_m365.folders import folder_filter
from offlineimap_m365.learn import folder_table
from offlineimap_m365.learn.classify import find_out
from offlineimap_m365.mail.folder_list import Folder
from tests.unit.learn.test_classify import DUTCH, TABLE, listed, mailbox

#: The lines to paste of a mailbox that was never learned.
LINES = folder_table.lines("a", "a", is_learnt=False)


def rows(names: list[str], *, is_learnt: bool = False) -> list[folder_table.Row]:
    """Return the rows of a mailbox with these folders."""
    finding = find_out(TABLE, listed(names))
    return folder_table.rows(listed(names), finding, finding.as_profile() if is_learnt else None, {"INBOX": 7})


def shown(found: list[folder_table.Row]) -> dict[str, tuple[bool, str, str]]:
    """Return of each folder whether it is kept, by which rule, and why."""
    return {row.unicode: (row.kept, row.rule, row.why) for row in found}


def test_what_is_shown_is_what_the_filter_does() -> None:
    """Without learning an ambiguous word is kept, and the row says what would leave it out."""
    before, after = shown(rows(DUTCH)), shown(rows(DUTCH, is_learnt=True))

    assert before["Agenda"] == (
        True, "language", "calendar (nl), in this mailbox's language: --learn leaves it out",
    )  # fmt: skip
    assert after["Agenda"] == (False, "language", "calendar (nl), in this mailbox's language")
    assert before["INBOX"] == after["INBOX"] == (True, "inbox", "INBOX is always kept")
    assert before["INBOX/Agenda"] == (True, "inbox", "as all below INBOX")
    assert before["Projecten/Taken"] == (True, "unknown", "a folder like any other")
    assert before["Contactpersonen"] == (False, "name", "contacts (nl)")
    assert [name for name, (is_kept, *_) in after.items() if not is_kept] == [
        "Agenda", "Contactpersonen", "Notities", "Postvak UIT", "Taken",
    ]  # fmt: skip


def test_an_earlier_finding_that_is_out_of_date_is_named() -> None:
    """What was learned decides, and learning again is advised."""
    names = [*mailbox("de"), "Agenda"]

    old = shown(folder_table.rows(listed(names), find_out(TABLE, listed(names)), {"not_mail": ["Agenda"]}, {}))

    assert old["Agenda"][:2] == (False, "finding")
    assert "learn again" in old["Agenda"][2]


def test_a_personal_mailbox_has_lines_of_its_own() -> None:
    """Before it was learned, too: the plain pair would call Sent Sent Items here."""
    names = ["Inbox", "Sent", "Deleted"]
    finding = find_out(TABLE, listed(names))

    found = folder_table.rows(listed(names), finding, None, {}, is_personal=True)
    lines = folder_table.lines("a@outlook.com", "a@outlook.com", is_learnt=False, is_personal=True)

    assert {row.unicode: row.local_name for row in found} == {"Inbox": "Inbox", "Sent": "Sent", "Deleted": "Trash"}
    assert lines["nametrans_remote"] == 'nametrans = make_nametrans(account="a@outlook.com")[0]'


def test_what_is_shown_is_exactly_the_filter() -> None:
    """In Unicode or modified UTF-7, a row's *kept* is the filter's own word, and kept folders have a name here."""
    names = [*mailbox("ja"), *DUTCH, "&ZeVnLIqe-", "a\0b", "x" * 10_000, ""]
    finding = find_out(TABLE, listed(names))
    for learnt in (None, finding.as_profile()):
        found = folder_table.rows(listed(names), finding, learnt, {})

        wanted = folder_filter.build_filter(learnt=learnt)
        assert [row.kept for row in found] == [wanted(row.name) for row in found]
        assert [row.local_name is not None for row in found] == [row.kept for row in found]


def test_a_folder_that_cannot_be_opened_has_no_local_name() -> None:
    """A folder that holds folders only has no messages and no local name."""
    found = [Folder("Above", frozenset(["\\noselect"])), Folder("Above/Below")]

    above, below = folder_table.rows(found, find_out(TABLE, found), None, {})

    assert (above.why, above.local_name) == ("holds folders only", None)
    assert below.local_name == "Above/Below"


def test_lines_survive_the_configuration_file() -> None:
    """ConfigParser reads a pasted line as Python that names the mailbox, whatever its address; its own is left out."""
    address = "a%b\"c\\d'é@example.org"

    lines = folder_table.lines("alice@example.org", address, is_learnt=True)
    parser = configparser.ConfigParser()
    parser.read_string(f"[Repository x]\n{lines['folderfilter']}\n")
    call = ast.parse(parser["Repository x"]["folderfilter"], mode="eval").body

    assert isinstance(call, ast.Call)
    words = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert words == {"account": "alice@example.org", "mailbox": address}
    own = folder_table.lines("alice@example.org", "ALICE@example.org", is_learnt=True)
    assert own["folderfilter"] == 'folderfilter = make_folderfilter(account="alice@example.org")'
    assert own["nametrans_local"] == 'nametrans = make_nametrans(account="alice@example.org")[1]'
    assert LINES["folderfilter"] == "folderfilter = folderfilter"
