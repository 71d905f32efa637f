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


@pytest.mark.usefixtures("world")
def test_no_filter_raises(subtests: pytest.Subtests) -> None:
    """Each answers True or False, and keeps what is no text."""
    make = offlineimap_m365.make_folderfilter
    filters: dict[str, Callable[[Any], bool]] = {
        "plain": offlineimap_m365.folderfilter,
        "names": make(keep=["Calendar", "ü"], drop=["Archiv", "a/b"], languages="nl"),
        "globs": make(keep="[ab]*", drop=["*x", "?", "*/*"]),
        "patterns": make(keep=re.compile("(a+)b"), drop=re.compile(r"INBOX/.|\W*")),
        "also": make(also=lambda name: bool(name[0] and 1 / 0)),
        "never learnt": make(account="\ud800", mailbox="x@example.org"),
    }
    for kind, wanted in filters.items():
        with subtests.test(kind):
            answers = [wanted(name) for name in STRANGE]
            assert {type(answer) for answer in answers} == {bool}
            assert answers[-11:] == [True] * 11


@pytest.mark.usefixtures("world")
def test_no_pair_raises(subtests: pytest.Subtests) -> None:
    """Strange names go there and back as they are, and what is no text is handed back itself."""
    names, account = {"Entwürfe": "Drafts", "受信": "ü", "A": "B", "Archiv & mehr": "Archive"}, "nobody@example.org"
    for utf8 in (False, True):
        for remote, local in (
            offlineimap_m365.make_nametrans(names, utf8=utf8),
            offlineimap_m365.make_nametrans(account=account, utf8=utf8),
        ):
            with subtests.test(utf8=utf8):
                assert [local(remote(name)) for name in STRANGE] == STRANGE
                assert [remote(local(name)) for name in STRANGE] == STRANGE
