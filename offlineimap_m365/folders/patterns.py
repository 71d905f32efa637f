"""
Folder names as a user or ``folders --learn`` gives them, and the keys by which two names are compared.

Standard library and Python 3.9 only: this is also loaded inside a foreign interpreter.
"""

from __future__ import annotations

from offlineimap_m365.folders.utf7 import decode

TYPE_CHECKING = False  # importing typing would cost more than filtering all folders
if TYPE_CHECKING:
    import re
    from collections.abc import Mapping
    from typing import Any, Union

    #: What a user may name a folder with: its name, a glob, or a compiled pattern.
    Entry = Union[str, re.Pattern[str]]

#: Apostrophes that stand for the typewriter's (U+2019 in French and Italian names, U+02BC in Ukrainian ones).
_APOSTROPHES = {ord(shape): "'" for shape in "\u2018\u2019\u02bc"}
#: Exchange Online allows no deeper folder (learn.microsoft.com, "Exchange Online limits": maximum depth 300).
_DEEPEST = 300


def key(component: str) -> str:
    """
    Return what one *component* of a path is compared by.

    That is Unicode, without case (Unicode 3.13, canonical caseless matching), composed, with one apostrophe.
    """
    text = decode(component)
    if text.isascii():
        return text.lower()
    from unicodedata import normalize  # noqa: PLC0415 - many mailboxes need none

    return normalize("NFC", normalize("NFD", text.translate(_APOSTROPHES)).casefold())


def ancestors(name: str) -> list[str]:
    """
    Return the path *name* and those of the folders above it, nearest first, in keys of components.

    Below the deepest level that Exchange allows, components are not told apart: the work stays in proportion.
    """
    parts = [key(part) for part in name.split("/", _DEEPEST)]
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]


class Entries:
    """The folders that a user names: by name, glob or compiled pattern."""

    def __init__(self, argument: str, value: object) -> None:
        """Sort the entries in *value*, which the user gave as *argument*."""
        import fnmatch  # noqa: PLC0415 - only when a filter is made
        import re  # noqa: PLC0415

        self.names: set[str] = set()
        self.globs: list[re.Pattern[str]] = []
        self.patterns: list[re.Pattern[str]] = []
        for entry in listed(argument, value):
            if isinstance(entry, re.Pattern) and isinstance(entry.pattern, str):
                self.patterns.append(entry)
                continue
            if not isinstance(entry, str) or not entry.strip("/"):
                raise ValueError(f"{argument}: a name, a glob or a compiled pattern of text is wanted, not {entry!r}")
            path = ancestors(entry.strip("/"))[0]
            self.names.add(path)
            if any(sign in path for sign in "*?["):
                try:
                    self.globs.append(re.compile(fnmatch.translate(path)))
                except re.error as error:
                    raise ValueError(f"{argument}: {entry!r} is no glob: {error}") from error

    def match(self, name: str) -> bool:
        """Return whether one of the entries means the folder *name* or one above it."""
        if self.patterns:
            from unicodedata import normalize  # noqa: PLC0415 - only for patterns

            composed = normalize("NFC", "/".join(decode(part) for part in name.split("/")))
            if any(pattern.fullmatch(form) for form in (name, composed) for pattern in self.patterns):
                return True
        if not self.names:  # each glob is a name, too: a folder may really be called [Gmail]
            return False
        return any(path in self.names or any(g.match(path) for g in self.globs) for path in ancestors(name))


def learnt_paths(finding: Mapping[str, Any]) -> dict[str, bool]:
    """Return which paths (as from ancestors()) hold mail by what learned.find() returned."""
    parts = (("mail", True), ("not_mail", False))
    return {ancestors(path)[0]: is_mail for part, is_mail in parts for path in finding.get(part, ()) if path}


def listed(argument: str, value: object) -> list[Any]:
    """Return *value* as a list, one that is a single entry as its only element."""
    import re  # noqa: PLC0415 - only when a filter is made
    from collections.abc import Iterable  # noqa: PLC0415

    if isinstance(value, (str, bytes, re.Pattern)):
        return [value]
    if not isinstance(value, Iterable):
        raise ValueError(f"{argument}: names are wanted, not {type(value).__name__}")  # noqa: TRY004
    return list(value)
