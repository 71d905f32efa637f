"""No name raises, whatever it is handed: OfflineIMAP would end the account, or the whole run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import offlineimap_m365
from offlineimap_m365.folders.nametrans import build_nametrans
from offlineimap_m365.folders.utf7 import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    Rename = Callable[[Any], Any]

#: Bytes that are no UTF-7, NUL, ever so long, separators inside, broken shifts, halves of pairs, and no text at all.
STRANGE: list[Any] = [
    *("", "/", "//", "a//b", "/a", "a/", ".", "..", "\0", "a\0b", "Calendar\0", "\0/Calendar", "\r\n", "\ufeff"),
    *("&", "&-", "&&", "&illisible-", "&2AA-", "&2AA", "&AC8-", "a&AC8-b", "&AAA-", "&,,,,-", "&====-", "&ß-"),
    *("\udcff", "a\udcff\udcfe", "\ud800", "\ud83d", b"\xff\xfe".decode("latin-1"), "\u202eevil", "e\u0301" * 50),
    *("x" * 10_000, "&" * 10_000, "&A" * 5_000, "a/" * 5_000, "/" * 10_000, "." * 10_000, "ü" * 10_000),
    *("*", "[", "[a", "a]", "(?P<", "\\", "%", "%(x)s", "{0}", "$HOME", "Sent Items\0", "Sent Items/\udcff"),
    *(None, b"", b"Calendar", b"\xff", 0, 7.5, True, [], ["Calendar"], {}, object()),
]
#: Filters as the user may make them, of names, globs, patterns and another filter that fails.
FILTERS: dict[str, Callable[[], Callable[[Any], bool]]] = {
    "plain": lambda: offlineimap_m365.folderfilter,
    "made": offlineimap_m365.make_folderfilter,
    "names": lambda: offlineimap_m365.make_folderfilter(keep=["Calendar", "ü"], drop=["Archiv", "a/b"], languages="nl"),
    "globs": lambda: offlineimap_m365.make_folderfilter(keep="[ab]*", drop=["*x", "?", "*/*"]),
    "patterns": lambda: offlineimap_m365.make_folderfilter(keep=re.compile("(a+)b"), drop=re.compile(r"INBOX/.|\W*")),
    "also": lambda: offlineimap_m365.make_folderfilter(also=lambda name: bool(name[0] and 1 / 0)),
    "never learnt": lambda: offlineimap_m365.make_folderfilter(account="nobody@example.org", mailbox="x@example.org"),
}
PAIRS: dict[str, Callable[[], tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "plain": lambda: (offlineimap_m365.nametrans_remote, offlineimap_m365.nametrans_local),
    "utf7": lambda: offlineimap_m365.make_nametrans({"Entwürfe": "Drafts", "A": "B", "Archiv & mehr": "Archive"}),
    "utf8": lambda: offlineimap_m365.make_nametrans({"Entwürfe": "Drafts", "受信": "ü"}, utf8=True),
    "never learnt": lambda: offlineimap_m365.make_nametrans(account="nobody@example.org", utf8=True),
}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("made", FILTERS)
def test_no_filter_raises(made: str) -> None:
    """Each answers True or False, to the same name always the same, and keeps what is no text."""
    wanted = FILTERS[made]()

    answers = [wanted(name) for name in STRANGE]
    again = [wanted(name) for name in STRANGE]

    assert answers == again
    assert {type(answer) for answer in answers} == {bool}
    assert [answer for name, answer in zip(STRANGE, answers, strict=True) if not isinstance(name, str)] == [True] * 11


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("made", PAIRS)
def test_no_pair_raises(made: str) -> None:
    """Strange names go there and back as they are, and what is no text is handed back itself."""
    remote, local = PAIRS[made]()

    there_and_back = [local(remote(name)) for name in STRANGE]
    back_and_there = [remote(local(name)) for name in STRANGE]

    assert there_and_back == STRANGE
    assert back_and_there == STRANGE


def made_or_refused(names: dict[str, str], *, utf8: bool) -> tuple[Rename, Rename, str]:
    """Return the pair for *names*, or the plain one and why these cannot be."""
    try:
        return *build_nametrans(names, utf8=utf8), ""
    except ValueError as error:
        return *build_nametrans(), str(error)


@given(
    names=st.dictionaries(st.text(min_size=1, max_size=6), st.text(min_size=1, max_size=6), max_size=4),
    utf8=st.booleans(),
    folders=st.lists(st.text(max_size=8), max_size=6),
)
def test_every_map_that_is_taken_loses_no_folder(names: dict[str, str], utf8: bool, folders: list[str]) -> None:
    """Whatever map the user writes: refused in one line, or a pair of inverses under which no two folders meet."""
    remote, local, refusal = made_or_refused(names, utf8=utf8)

    found = [*folders, *names, *names.values(), *(f"{name}/x" for name in names)]

    assert "\n" not in refusal
    assert [local(remote(name)) for name in found] == found
    assert [remote(local(name)) for name in found] == found
    assert len({remote(name) for name in found}) == len(set(found))


@given(
    st.one_of(st.sampled_from(["Entwürfe", "Entwürfe/ü", "Drafts", "受信", "R&D/x", "Kalender"]), st.text(max_size=12))
)
def test_the_encodings_agree_on_every_name(name: str) -> None:
    """A folder has the same fate and the same new name in modified UTF-7 and in Unicode."""
    names = {"Entwürfe": "Drafts", "受信": "R&D"}
    spelled = encode(name)
    plain, unicode = build_nametrans(names)[0], build_nametrans(names, utf8=True)[0]

    assert offlineimap_m365.folderfilter(spelled) == offlineimap_m365.folderfilter(decode(spelled))
    assert decode(plain(spelled)) == unicode(decode(spelled))
