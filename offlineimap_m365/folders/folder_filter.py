"""
Which folders of an Exchange mailbox are mail, told by their names: folderfilter for OfflineIMAP.

Exchange offers calendars, contacts and tasks over IMAP as folders of broken mails, and marks none of them in
its list. The names are in data/folders.json. What is decided on is the first component of the path as a
whole, in modified UTF-7 or Unicode alike (OfflineIMAP hands over either), composed or decomposed, without
regard to case and to the shape of an apostrophe. White space counts, since Exchange's own names have none
around them.

Losing mail is worse than syncing a calendar: what is not known is kept, INBOX and all below it always, and a word
that is an ordinary folder name in another language counts only if the mailbox's language is known.

Standard library and Python 3.9 only: this is also loaded inside a foreign interpreter.
"""

from __future__ import annotations

from offlineimap_m365.folders.patterns import Entries, Learnt, key, listed, texts

TYPE_CHECKING = False  # importing typing would cost more than filtering all folders
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from offlineimap_m365.folders.patterns import Entry

    Filter = Callable[[str], bool]


def folderfilter(name: str) -> bool:
    """
    Return whether the folder *name* is to be synced: False only if it is known to be no mail.

    For ``folderfilter = folderfilter`` in a remote repository of OfflineIMAP, which hands over whole paths
    with Exchange's separator ``/``. Never raises, whatever it is handed.
    """
    return _plain()(name)


def build_filter(  # noqa: PLR0913 - the arguments of make_folderfilter
    keep: Entry | Iterable[Entry] = (),
    drop: Entry | Iterable[Entry] = (),
    languages: str | Iterable[str] = (),
    learnt: Mapping[str, object] | None = None,
    also: Filter | None = None,
    *,
    table: Mapping[str, Any] | None = None,
) -> Filter:
    """
    Return a filter as *folderfilter*, with the user's own words; it never raises.

    *keep* and *drop* hold, in any mixture (or one alone):

    - names: a path from the top, which means that folder and all below it; in Unicode or modified UTF-7;
    - globs (fnmatch; ``*`` goes beyond a ``/``), likewise with all below what they match;
    - compiled patterns, which must match the whole path (fullmatch), as handed over or in Unicode.

    Names and globs are compared without regard to case. *keep* beats everything. *drop* beats all but *keep*,
    but never reaches INBOX; below it, only an entry does that begins with ``INBOX/`` itself.

    *languages*: codes such as ``nl`` whose ambiguous words are to count. *learnt*: what was found out about
    this mailbox, ``{"not_mail": [path, …], "mail": [path, …]}``, each part optional, others ignored. *also*:
    another filter that must agree to keep; if it raises, it agrees. *table*: what load_table() gives, the one in
    use without it.

    Raises: ValueError, in one line that names the argument.
    """
    unwanted = listed("drop", drop)
    kept, dropped = Entries("keep", keep), Entries("drop", unwanted)
    dropped_below_inbox = Entries("drop", [entry for entry in unwanted if _is_below_inbox(entry)])
    if "inbox" in dropped.names:
        raise ValueError("drop: INBOX is always kept; an entry such as INBOX/Lists names what lies below it")
    if also is not None and not callable(also):
        raise ValueError(f"also: a function of a folder's name, not {type(also).__name__}")
    found = Learnt({} if learnt is None else learnt)
    names = _not_mail(current_table() if table is None else table, texts("languages", languages))

    def is_wanted(name: str) -> bool:
        """Return whether the folder *name* is to be synced. Never raises."""
        if not isinstance(name, str):
            return True
        if kept.match(name):
            return True
        first, _, below = name.partition("/")
        top = key(first)
        if top == "inbox":  # neither the table nor a finding, and drop only if it is spelled out
            is_kept = not (below and dropped_below_inbox.match(name))
        else:
            is_kept = not dropped.match(name) and found.is_mail(name, top not in names)
        return is_kept and (also is None or _agrees(also, name))

    return is_wanted


def load_table(own: str | None = None) -> dict[str, Any]:
    """
    Return the table in data/folders.json, whose shape is told there, with the user's in the file *own* over it.

    A row of *own* takes the place of the shipped ones with the same name and language, one without a language that of
    all with the same name; ``not_mail`` takes the place of the shipped one as a whole.

    Raises: OSError if *own* cannot be read, ValueError in one line if it holds no table.
    """
    import os  # noqa: PLC0415 - only when a filter is made

    table = _read(os.path.join(os.path.dirname(__file__), "folders.json"))
    if own is None:
        return table
    over = _read(own)
    rows = over.get("names", [])
    replaced = {(key(row["name"]), row["language"]) for row in rows}
    kept = [
        row for row in table["names"] if not replaced & {(key(row["name"]), row["language"]), (key(row["name"]), None)}
    ]
    return {**table, **over, "names": kept + rows}


def own_table() -> str | None:
    """Return the path of the user's own table, ``data/folders.json`` in the home; None if there is none."""
    import os  # noqa: PLC0415 - only when a filter is made

    from offlineimap_m365.base import errors, paths  # noqa: PLC0415

    try:
        path = os.path.join(paths.directory(), "data", "folders.json")
    except errors.Misconfigured:  # a home that cannot be told: whoever wants a token hears of it
        return None
    return path if os.path.lexists(path) else None


_tables: list[dict[str, Any]] = []


def current_table() -> dict[str, Any]:
    """
    Return the table in use, the user's own over the shipped one; read once per process, and it never raises.

    One that cannot be used is left out, which is said in one line: within OfflineIMAP an error would end the account.
    """
    if not _tables:
        _tables.append(_try(own_table()) or _try(None) or {"names": [], "not_mail": []})
    return _tables[0]


def _try(own: str | None) -> dict[str, Any] | None:
    try:
        return load_table(own)
    except (OSError, ValueError) as error:
        from offlineimap_m365.base import notices  # noqa: PLC0415 - only in a broken installation or home

        notices.say(f"{error}; it is left out")
        return None


def known_languages(table: Mapping[str, Any]) -> list[str]:
    """Return the codes of the languages that *table* knows, in order."""
    return sorted({row["language"] for row in table["names"] if row["language"]})


_made: list[Filter] = []


def _plain() -> Filter:
    """Return the filter of the table in use, made when it is first needed."""
    if not _made:
        _made.append(build_filter())
    return _made[0]


def _read(path: str) -> dict[str, Any]:
    """Return the table in the file *path*, with every row's language; see load_table() for what it raises."""
    import json  # noqa: PLC0415 - only when a filter is made

    try:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
        names = [{"language": None, **row} for row in table.get("names", [])]
        if all(_is_row(row) for row in names) and _are_kinds(table.get("not_mail", [])):
            return {**table, "names": names}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no table of folder names") from error
    raise ValueError(f"{path} is no table of folder names")


def _is_row(row: Mapping[str, Any]) -> bool:
    """Return whether *row* can be one of a table's names."""
    return (
        isinstance(row["name"], str) and isinstance(row["kind"], str) and isinstance(row["language"], (str, type(None)))
    )


def _are_kinds(kinds: object) -> bool:
    return isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)


def _not_mail(table: Mapping[str, Any], languages: Sequence[str]) -> frozenset[str]:
    """
    Return the keys of all names in *table* that are no mail when the mailbox's *languages* are known.

    Each counts in its compatibility form as well: the table's own names match in any form of Unicode, while a
    user's folder that differs from one only by wide letters stays a user's folder.
    """
    from unicodedata import normalize  # noqa: PLC0415 - only when a filter is made

    known = {code.casefold(): code for code in known_languages(table)}
    for code in languages:
        if code.casefold() not in known:
            raise ValueError(f"languages: {code!r} is not known; known: {', '.join(known.values())}")
    wanted = {known[code.casefold()] for code in languages}
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
    """Return what the user's own filter says of *name*; that it keeps it if it fails."""
    try:
        return bool(also(name))
    except Exception:  # noqa: BLE001 - anything may come out of a user's function; OfflineIMAP would end the account
        return True
