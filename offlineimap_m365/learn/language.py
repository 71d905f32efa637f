"""
The languages of a mailbox, told by its folders' names: one, or several after moves, imports and other programs.

Exchange names the folders in the language of the person who opens a mailbox first, and programs may rename some later
(Microsoft: Outlook/Client/user-interface/incorrect-folder-names.md), so no single language explains every mailbox.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from offlineimap_m365.folders.patterns import key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    #: A language, or several that explain the same names equally well.
    Group = tuple[str, ...]

#: So many kinds of folder must have a name of a language, beside those that another one explains already.
_ENOUGH = 3


class Names:
    """The names of a table (folder_filter.load_table()), looked up by key (patterns.key())."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Sort the rows of *table*."""
        self.not_mail = frozenset(table["not_mail"])
        self._rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._strong: dict[str, dict[str, str]] = defaultdict(dict)
        for row in table["names"]:
            self._rows[key(row["name"])].append(row)
            if row["language"] and not row.get("ambiguous"):
                self._strong[row["language"]][key(row["name"])] = row["kind"]

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        """Return what the folder of the top level *name* may be."""
        return self._rows.get(key(name), [])

    def detect(self, names: Iterable[str]) -> list[Group]:
        """
        Return the languages of a mailbox with the folders *names* of the top level, the one that explains most first.

        Words that are ordinary elsewhere count for none.
        """
        remaining = {key(name) for name in names} - {"inbox"}
        languages: list[Group] = []
        while True:
            explained = {
                language: {name: kind for name, kind in known.items() if name in remaining}
                for language, known in self._strong.items()
            }
            best = max(explained.items(), key=lambda item: _weight(*item), default=None)
            if best is None or len(set(best[1].values())) < _ENOUGH:
                return languages
            equals = [language for language, names in explained.items() if names.keys() == best[1].keys()]
            languages.append(("en",) if "en" in equals else tuple(sorted(equals)))
            remaining -= best[1].keys()


def _weight(language: str, explained: Mapping[str, str]) -> tuple[int, int, bool, str]:
    """Return what ranks *language*: kinds, then names; English before others, since all mailboxes have it."""
    return len(set(explained.values())), len(explained), language == "en", language
