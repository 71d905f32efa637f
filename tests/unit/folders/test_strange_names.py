"""No name raises, whatever it is handed: OfflineIMAP would end the account, or the whole run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import offlineimap_m365

if TYPE_CHECKING:
    from collections.abc import Callable

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
def test_no_filter_raises(subtests: pytest.Subtests) -> None:
    """Each answers True or False, and keeps what is no text."""
    for kind, make in FILTERS.items():
        with subtests.test(kind):
            wanted = make()
            answers = [wanted(name) for name in STRANGE]
            assert {type(answer) for answer in answers} == {bool}
            assert answers[-11:] == [True] * 11


@pytest.mark.usefixtures("world")
def test_no_pair_raises(subtests: pytest.Subtests) -> None:
    """Strange names go there and back as they are, and what is no text is handed back itself."""
    for kind, make in PAIRS.items():
        with subtests.test(kind):
            remote, local = make()
            assert [local(remote(name)) for name in STRANGE] == STRANGE
            assert [remote(local(name)) for name in STRANGE] == STRANGE
