"""
The languages of a mailbox, told by its folders' names: one, or several after moves, imports and other programs.

Exchange names the folders in the language of the person who opens a mailbox first, and programs may rename some later
(Microsoft: Outlook/Client/user-interface/incorrect-folder-names.md), so no single language explains every mailbox.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from offlineimap_m365.folders.patterns import key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    #: A language, or several that explain the same names equally well.
    Group = tuple[str, ...]
    Row = Mapping[str, Any]

#: So many kinds of folder must have a name of a language, beside those that another one explains already.
_ENOUGH = 3


class Names:
    """
    The names of a table (folder_filter.load_table()) in a mailbox with the folders *tops* of the top level.

    *languages*: those of the mailbox, the one that explains most first; words that are ordinary elsewhere count for
    none. *not_mail*: the kinds of folders without mail. Names are compared by key (patterns.key()).
    """

    def __init__(self, table: Mapping[str, Any], tops: Iterable[str] = ()) -> None:
        """Sort the rows of *table*."""
        self.tops = list(dict.fromkeys(tops))
        self.not_mail = frozenset(table["not_mail"])
        self._rows: dict[str, list[Row]] = defaultdict(list)
        for row in table["names"]:
            self._rows[key(row["name"])].append(row)
        self.languages = tuple(_detect(table, self.tops))
        self._codes = [code for group in self.languages for code in group]

    def rows(self, name: str) -> list[Row]:
        """Return what the folder of the top level *name* may be."""
        return self._rows.get(key(name), [])

    def counting(self, name: str) -> list[Row]:
        """Return the rows by which *name* is no mail: unambiguous, or of a language that is certainly used here."""
        rows = [row for row in self.rows(name) if row["kind"] in self.not_mail]
        strong = [row for row in rows if not row.get("ambiguous")]
        if strong or not rows:
            return strong
        codes = {row["language"] for row in rows}
        certain = {code for group in self.languages if set(group) <= codes for code in group}
        return [row for row in rows if row["language"] in certain]

    def codes(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Return the languages of *rows*, only those that are used in the mailbox if some are."""
        codes = sorted({row["language"] for row in rows if row["language"]}, key=lambda code: (code != "en", code))
        return tuple(code for code in codes if code in self._codes) or tuple(codes)

    def rank(self, name: str, kind: str) -> float:
        """Return how well *name* names a folder of this *kind* here: 0 is best, infinity is not at all."""
        order: dict[str | None, int] = {code: rank for rank, code in enumerate(self._codes)}
        order[None] = len(order) + 1  # a personal mailbox's name, after those of any language
        codes = [row["language"] for row in self.rows(name) if row["kind"] == kind]
        return min((order.get(code, len(self._codes)) for code in codes), default=math.inf)


def _detect(table: Mapping[str, Any], tops: Iterable[str]) -> Iterable[Group]:
    """Yield the languages of a mailbox, each by the names that those before it do not explain."""
    remaining = {key(name) for name in tops} - {"inbox"}
    strong: dict[str, dict[str, str]] = defaultdict(dict)
    for row in table["names"]:
        if row["language"] and not row.get("ambiguous") and key(row["name"]) in remaining:
            strong[row["language"]][key(row["name"])] = row["kind"]
    while strong:
        best = strong[max(strong, key=lambda language: _weight(language, strong[language]))]
        if len(set(best.values())) < _ENOUGH:
            return
        equals = sorted(language for language, names in strong.items() if names.keys() == best.keys())
        yield ("en",) if "en" in equals else tuple(equals)
        explained = set(best)
        strong = {code: {n: kind for n, kind in names.items() if n not in explained} for code, names in strong.items()}


def _weight(language: str, explained: Mapping[str, str]) -> tuple[int, int, bool, str]:
    """Return what ranks *language*: kinds, then names; English before others, since all mailboxes have it."""
    return len(set(explained.values())), len(explained), language == "en", language
