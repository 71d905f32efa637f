"""
Which folders of an Exchange mailbox hold mail, told by their names: folderfilter for OfflineIMAP.

Exchange offers calendars, contacts and tasks over IMAP as folders of broken mails, and marks none of them in its list.
Their names are in folders.json. The first component of the path decides as a whole, in modified UTF-7 or Unicode,
composed or decomposed, without regard to case and to the shape of an apostrophe.

Losing mail is worse than syncing a calendar: an unknown folder is kept, INBOX and all below it always, and a word that
is an ordinary folder name in another language counts only if the mailbox's language is known.

Standard library and Python 3.9 only: this is also loaded inside a foreign interpreter.
"""

from __future__ import annotations

from offlineimap_m365.folders.patterns import Entries, ancestors, key, learnt_paths, listed

TYPE_CHECKING = False  # importing typing would cost more than filtering all folders
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from offlineimap_m365.folders.patterns import Entry

    Filter = Callable[[str], bool]

_tables: list[dict[str, Any]] = []
_plain_filters: list[Filter] = []


def folderfilter(name: str) -> bool:
    """
    Return whether to sync the folder *name*: False only if it is known to hold no mail.

    For ``folderfilter = folderfilter`` in a remote repository of OfflineIMAP, which hands over whole paths with
    Exchange's separator ``/``. Never raises, whatever it is handed.
    """
    if not _plain_filters:
        _plain_filters.append(build_filter())
    return _plain_filters[0](name)


def build_filter(  # noqa: PLR0913 - the arguments of make_folderfilter
    keep: Entry | Iterable[Entry] = (),
    drop: Entry | Iterable[Entry] = (),
    languages: str | Iterable[str] = (),
    learnt: Mapping[str, Any] | None = None,
    also: Filter | None = None,
    *,
    table: Mapping[str, Any] | None = None,
) -> Filter:
    """
    Return a filter as *folderfilter*, with the user's own words; it never raises.

    *keep* and *drop* hold, in any mixture (or one alone):

    - names: a path from the top, which means that folder and all below it; in Unicode or modified UTF-7;
    - globs (fnmatch; ``*`` matches a ``/`` too), with all below what they match;
    - compiled patterns, which must match the whole path (fullmatch), as handed over or in Unicode.

    Names and globs are compared without regard to case. *keep* wins over everything. *drop* wins over all but *keep*,
    but never reaches INBOX; below it, only an entry does that begins with ``INBOX/`` itself.

    *languages*: codes such as ``nl`` whose ambiguous words count. *learnt*: what learned.find() returns. *also*:
    another filter that must agree to keep; if it raises, it agrees. *table*: what load_table() returns, by default.

    Raises: ValueError, in one line that names the argument.
    """
    unwanted = listed("drop", drop)
    kept, dropped = Entries("keep", keep), Entries("drop", unwanted)
    dropped_below_inbox = Entries("drop", [entry for entry in unwanted if _is_below_inbox(entry)])
    if "inbox" in dropped.names:
        raise ValueError("drop: INBOX is always kept; an entry such as INBOX/Lists names what lies below it")
    if also is not None and not callable(also):
        raise ValueError(f"also: a function of a folder's name, not {type(also).__name__}")
    learned = learnt_paths(learnt or {})
    names = _not_mail(load_table() if table is None else table, listed("languages", languages))

    def is_wanted(name: str) -> bool:
        """Return whether to sync the folder *name*. Never raises."""
        if not isinstance(name, str) or kept.match(name):
            return True
        first, _, below = name.partition("/")
        top = key(first)
        if top == "inbox":  # neither the table nor a finding counts, and drop only if it is spelled out
            is_kept = not (below and dropped_below_inbox.match(name))
        else:
            nearest = next((learned[path] for path in ancestors(name) if path in learned), None) if learned else None
            is_kept = not dropped.match(name) and (top not in names if nearest is None else nearest)
        return is_kept and (also is None or _agrees(also, name))

    return is_wanted


def load_table() -> dict[str, Any]:
    """Return the table in folders.json, which explains itself; it is read once per process."""
    if not _tables:
        import json  # noqa: PLC0415 - only when a filter is made
        import os  # noqa: PLC0415

        with open(os.path.join(os.path.dirname(__file__), "folders.json"), encoding="utf-8") as file:
            _tables.append(json.load(file))
    return _tables[0]


def known_languages(table: Mapping[str, Any]) -> list[str]:
    """Return the codes of the languages that *table* knows, in order."""
    return sorted({row["language"] for row in table["names"] if row["language"]})


def _not_mail(table: Mapping[str, Any], languages: Sequence[object]) -> frozenset[str]:
    """
    Return the keys of all names in *table* that hold no mail when the mailbox's *languages* are known.

    Each counts in its compatibility form as well: the table's own names match in any form of Unicode, while a
    user's folder that differs from one only by wide letters stays a user's folder.
    """
    from unicodedata import normalize  # noqa: PLC0415 - only when a filter is made

    known = {code.casefold(): code for code in known_languages(table)}
    for code in languages:
        if str(code).casefold() not in known:
            raise ValueError(f"languages: {code!r} is not known; known: {', '.join(known.values())}")
    wanted = {known[str(code).casefold()] for code in languages}
    names = [
        row["name"]
        for row in table["names"]
        if row["kind"] in table["not_mail"] and (not row.get("ambiguous") or row["language"] in wanted)
    ]
    return frozenset(key(form) for name in names for form in (name, normalize("NFKC", name)))


def _is_below_inbox(entry: object) -> bool:
    """Return whether the user's *entry* begins with INBOX/ itself."""
    text = getattr(entry, "pattern", entry)
    return isinstance(text, str) and text.lstrip("^").lower().startswith("inbox/")


def _agrees(also: Filter, name: str) -> bool:
    """Return what the user's own filter says of *name*; True if it fails."""
    try:
        return bool(also(name))
    except Exception:  # noqa: BLE001 - a user's function may raise anything, and OfflineIMAP would end the account
        return True
