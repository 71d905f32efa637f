"""
The Maildir on this disk against what the file says of it: a sep that was changed, and folders that the server lacks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from offlineimap_m365.doctor.offlineimaprc import boxes, folders, writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.boxes import Box
    from offlineimap_m365.doctor.offlineimaprc.folders import Tried
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

#: A Maildir's own directories (maildir(5)); more directories than these are not looked at, nor deeper ones.
_PARTS = ("cur", "new", "tmp")
_MOST, _DEEPEST = 5000, 12


def examine(rc: Rc, box: Box, tried: Tried | None) -> Iterator[Check]:
    """Yield what is wrong with the Maildir of *box*; *tried*: what the lines make of the server's folders, if known."""
    place = boxes.maildir(rc, box)
    there = _folders(place) if place else []
    yield from _createfolders(rc, box, tried, there)
    if box.local is None or rc.get(box.local, "type") != "Maildir":
        return
    found = list(_sep(rc, box, there))
    yield from found
    if not found and tried is not None and folders.separator(rc, box) == ".":
        yield from _dots(rc, box, tried, there)


def _folders(place: Path) -> list[str]:
    """Return the Maildirs below *place*, as paths from there."""
    found: list[str] = []
    waiting = [""]
    looked = 0
    while waiting and looked < _MOST:  # localfolders may be the root of a file server
        looked += 1
        path = waiting.pop()
        try:
            with os.scandir(place / path) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue
        if path and set(_PARTS) <= set(names):
            found.append(path)
        if path.count("/") < _DEEPEST:
            waiting += [f"{path}/{name}" if path else name for name in names if name not in _PARTS]
    return sorted(found)


def _is_dotted(name: str, there: set[str]) -> bool:
    """Is it a folder below another, with a dot between them? (``v1.0`` alone is only a name.)."""
    return "/" not in name and any(name[:end] in there for end, sign in enumerate(name) if sign == ".")


def _sep(rc: Rc, box: Box, there: Sequence[str]) -> Iterator[Check]:
    dotted = [name for name in there if _is_dotted(name, set(there))]
    nested = [name for name in there if "/" in name]
    sep = folders.separator(rc, box)
    written = (rc.get(str(box.local), "sep") or "").strip() if rc.has(str(box.local), "sep") else sep
    if len(written) != 1:  # an empty one stands between all letters: I/N/B/O/X
        said = f"sep is {writing.show(written) or 'empty'}, and one character stands between the levels of a folder"
        yield writing.replaced(rc, "config-sep", str(box.local), "sep", "." if dotted else "/", said)
        return
    if (dotted and nested) or not (dotted or nested):
        return
    right, example = (".", dotted[0]) if dotted else ("/", nested[0])
    if sep != right:
        said = f"The Maildir has {writing.cited(example)}, but sep is {writing.show(sep)}: all such folders come again"
        yield writing.set_to(rc, "config-sep", str(box.local), "sep", right, said)


def _dots(rc: Rc, box: Box, tried: Tried, there: Sequence[str]) -> Iterator[Check]:
    """With a dot between the levels, a folder with a dot in its name is skipped in silence (offlineimap3#213)."""
    names = [name for name in tried.wanted if "." in name]
    if not names:
        return
    said = f"{writing.cited(names[0])} has a dot in its name, which with sep = . OfflineIMAP skips without a word"
    if not any(_is_dotted(name, set(there)) for name in there):
        yield writing.set_to(rc, "config-dots", str(box.local), "sep", "/", said)
        return
    drop = writing.quoted(f"make_folderfilter(drop={names!r})")
    advice = "Call it otherwise in Outlook, and it comes; or leave it out knowingly"
    yield writing.replaced(rc, "config-dots", box.remote, "folderfilter", drop, said, advice)


def _createfolders(rc: Rc, box: Box, tried: Tried | None, there: Sequence[str]) -> Iterator[Check]:
    """A mail that is moved into a folder that only this side has is deleted there and never arrives."""
    if rc.flag(box.remote, "createfolders", otherwise=True) or rc.flag(box.remote, "readonly", otherwise=False):
        return
    said = "With createfolders = False a mail that is moved into a folder made here is lost"
    if tried is not None:
        sep = folders.separator(rc, box)
        local = {pair[0] for pair in tried.renamed} if tried.renamed else set(tried.names)
        lacking = [name for name in there if name.replace(sep, "/") not in local]
        if lacking:
            said += f", as in {writing.cited(lacking[0])}, which the server does not have"
    yield writing.replaced(rc, "config-createfolders", box.remote, "createfolders", "True", said)
