"""Names there and back: whatever a folder is called, it has one local name, and that one leads back to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offlineimap_m365.folders.nametrans import STANDARD, build_nametrans, merge, nametrans_local, nametrans_remote
from offlineimap_m365.folders.utf7 import encode

#: Names that come near those that change places.
WORDS = [
    *("Sent Items", "Sent", "Trash", "Deleted Items", "Junk", "Junk Email", "INBOX", "trash", "A", "B", "R&-D", "R&D"),
    *("C.d", "/", ".", "2024", "&"),
]
TRICKY = st.lists(st.sampled_from([*WORDS, " ", "Gelöschte Elemente", "Gel&APY-schte Elemente"])).map("".join)
ANY_NAME = st.one_of(TRICKY, st.text(), st.text(st.characters(codec=None)))

MAPS: list[dict[str, str]] = [
    STANDARD,
    {},
    {"A": "B"},
    {"A": "B", "B": "C"},
    {"A": "B", "B": "A"},
    {"A": "A", "B": "C.d"},
    {"Gelöschte Elemente": "Trash", "R&D": "Sent", "Trash": "R&D"},
    {"Gel&APY-schte Elemente": "Trash", "R&-D": "Sent"},
    {"trash": "Trash"},
]


def test_three_pairs_change_places() -> None:
    """The first component is renamed in both directions, and children follow."""
    for server, local in {
        "Sent Items": "Sent",
        "Deleted Items": "Trash",
        "Junk Email": "Junk",
        "Sent Items/2024/May": "Sent/2024/May",
        "Deleted Items/Sent Items": "Trash/Sent Items",
        "Sent Items/v1.0": "Sent/v1.0",
    }.items():
        for rename in (nametrans_remote, nametrans_local):
            assert [rename(server), rename(local)] == [local, server]


KEPT = (
    "INBOX, INBOX/Sent Items, INBOX.Sent, inbox/Trash, Drafts, Archive/Trash, trash, SENT, sent items, Sent Items 2024,"
    " Sentry, Junk E-mail, Entw&APw-rfe, /, ., /Sent"
)


def test_all_else_keeps_its_name() -> None:
    """INBOX, leaves, near-names and other spellings are untouched in both directions."""
    names = [*KEPT.split(", "), "", " Sent"]

    assert list(map(nametrans_remote, names)) == list(map(nametrans_local, names)) == names


def test_children_follow_under_both_separators_of_a_maildir() -> None:
    """With sep = / and with Maildir's default the name survives what OfflineIMAP does between the two."""
    for name in ("Sent Items", "Sent Items/2024", "Deleted Items/a/b", "Trash/x", "INBOX/Sent", "Sent"):
        for separator in "/.":
            local = nametrans_remote(name).replace("/", separator)
            assert nametrans_local(local).replace(separator, "/") == name


def test_every_folder_gets_the_name_that_the_user_wants() -> None:
    """The map is followed, for the folder and for its children; the end of a chain takes the name at its beginning."""
    for mapping in filter(None, MAPS):
        remote, _ = build_nametrans(mapping)
        for server, wanted in mapping.items():
            spelled, meant = (encode(text.replace("&APY-", "ö").replace("&-", "&")) for text in (server, wanted))
            assert [remote(spelled), remote(spelled + "/x")] == [meant, meant + "/x"]
    remote, _ = build_nametrans({"A": "B", "B": "C"})
    assert [remote(name) for name in "ABCD"] == ["B", "C", "A", "D"]


def test_each_encoding_has_its_own_pair() -> None:
    """Names are compared as OfflineIMAP hands them over: modified UTF-7, or Unicode with utf8foldernames."""
    plain, _ = build_nametrans({"Gelöschte Elemente": "Müll"})
    unicode, _ = build_nametrans({"Gel&APY-schte Elemente": "Mu\u0308ll"}, utf8=True)

    names = ("Gel&APY-schte Elemente/x", "Gelöschte Elemente/x")
    assert [plain(name) for name in names] == ["M&APw-ll/x", names[1]]
    assert [unicode(name) for name in names] == [names[0], "Müll/x"]


IMPOSSIBLE: list[tuple[Any, str]] = [
    ({"A": "X", "B": "X"}, "'X' and 'X' cannot both be a local name"),
    ({"A": "Ärger", "B": "ÄRGER"}, "'Ärger' and 'ÄRGER' cannot both be a local name"),
    ({"A": "X", "a": "Y"}, "'A' and 'a' are one folder on the server"),
    ({"R&D": "X", "R&-D": "Y"}, "'R&D' and 'R&D' are one folder on the server"),
    ({"INBOX": "X"}, "INBOX keeps its name"),
    ({"A": "Inbox.x"}, "INBOX keeps its name"),
    ({"A": ""}, "cannot be empty"),
    ({"A": "X/y"}, "'X/y' is not of the top level"),
    ({"A": "X&AC8-y"}, "is not of the top level"),
    ({"A.b": "A"}, "'A.b' lies below 'A'"),
    ({"A": "X\0"}, "has a character"),
    ({"A": "cur"}, "'cur' cannot be the name of a Maildir"),
    ({None: "A"}, "a folder's name is text, not NoneType"),
    ([("A", "B")], "a mapping of server names to local names, not list"),
]


def test_a_map_that_cannot_be_is_refused_in_one_line(subtests: pytest.Subtests) -> None:
    """A map that would lose a folder, or has an impossible name, is refused when the pair is made."""
    for mapping, message in IMPOSSIBLE:
        with subtests.test(message), pytest.raises(ValueError, match=rf"^names: .*{re.escape(message)}[^\n]*$"):
            build_nametrans(mapping)


@settings(max_examples=300)
@given(
    learnt=st.dictionaries(ANY_NAME, ANY_NAME, max_size=4),
    own=st.one_of(st.none(), st.sampled_from(MAPS)),
    utf8=st.booleans(),
    name=ANY_NAME,
)
@example(learnt={"trash": "0"}, own={"trash": "Trash"}, utf8=False, name="")
def test_whatever_was_learnt_makes_a_permutation(
    learnt: dict[str, str], own: dict[str, str] | None, utf8: bool, name: str
) -> None:
    """A finding that cannot be used is left out, so the pair is one of inverses and the user's own names count."""
    remote, local = build_nametrans(merge(own, learnt), utf8=utf8)

    assert local(remote(name)) == name
    assert remote(local(name)) == name
    assert all(merge(own, learnt).get(server) == wanted for server, wanted in (own or {}).items())
