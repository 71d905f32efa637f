"""
The nametrans of both repositories: does every folder come back to where it is from, and none meet another?

A one-way renaming has OfflineIMAP's second run make a folder on the server and sync both into one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from offlineimap_m365.doctor.offlineimaprc import folders, writing
from offlineimap_m365.folders import nametrans
from offlineimap_m365.folders.utf7 import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.boxes import Box
    from offlineimap_m365.doctor.offlineimaprc.folders import Tried
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc


def examine(rc: Rc, box: Box, tried: Tried, *, is_live: bool) -> Iterator[Check]:
    """Yield what is wrong with the renaming of *box*, by what it made of its folders; *is_live*: of the real ones."""
    untold = list(_utf8(rc, box))
    yield from untold
    makes_folders = rc.flag(box.remote, "createfolders", otherwise=True)
    if not untold and makes_folders and not rc.flag(box.remote, "readonly", otherwise=False):
        yield from _pair(rc, box, tried, is_live=is_live)


def _pair(rc: Rc, box: Box, tried: Tried, *, is_live: bool) -> Iterator[Check]:
    remote, local = folders.line(rc, box.remote, "nametrans"), folders.line(rc, box.local, "nametrans")
    if (remote is None and local is None) or box.local is None:
        return
    if tried.renamed is None:
        yield from _untried(rc, box, remote, local)
        return
    pairs = [
        (name, here, back)
        for name, (here, back) in zip(tried.names, tried.renamed, strict=True)
        if name in tried.wanted and name != folders.STRANGER
    ]
    seen: dict[str, str] = {}
    twins = [(seen[here], name, here) for name, here, _ in pairs if seen.setdefault(here, name) != name]
    astray = [(name, back) for name, _, back in pairs if back != name]
    whose = "this mailbox's" if is_live else "Exchange's usual"
    if twins and remote is not None:
        one, other, here = twins[0]
        said = f"nametrans makes one folder, {folders.shown([here])}, of two of {whose}: {folders.shown([one, other])}"
        yield _ours_there(rc, box, "config-nametrans-twins", local, said)
    elif astray:
        there, back = (folders.shown([name]) for name in astray[0])
        said = (
            f"nametrans has no counterpart, so that OfflineIMAP makes {back} on the server for {there}"
            if local is None
            else f"The two nametrans do not undo each other: {whose} {there} comes back as {back}"
        )
        yield _inverse(rc, box, remote, pairs, said)


def _untried(rc: Rc, box: Box, remote: str | None, local: str | None) -> Iterator[Check]:
    """Lines of the user's own Python, which were not executed: one of them alone can never be right."""
    if remote is not None and local is not None:
        said = "nametrans is Python of your own, which only --run-config would try"
        yield writing.untold(rc, "config-nametrans", said)
        return
    section = box.remote if local is None else box.local
    said = "nametrans has no counterpart in the other repository, so that OfflineIMAP makes folders on the server"
    advice = "Without it folders are called here as they are there, and are downloaded again under those names"
    yield writing.switched_off(rc, "config-nametrans", str(section), "nametrans", said, advice)


def _inverse(rc: Rc, box: Box, remote: str | None, pairs: Sequence[tuple[str, str, str]], said: str) -> Check:
    """Return the advice to have the inverse of *remote* in the section of the local repository."""
    if remote is None:
        return writing.switched_off(rc, "config-nametrans", str(box.local), "nametrans", said)
    right = _undo(remote, pairs, folders.separator(rc, box))
    return writing.set_to(rc, "config-nametrans", str(box.local), "nametrans", right, said)


def _undo(remote: str, pairs: Sequence[tuple[str, str, str]], sep: str) -> str:
    """Return the line that undoes *remote*, quoted for the file."""
    text = remote.strip()
    if text == "nametrans_remote":
        return "nametrans_local"
    if text.startswith("make_nametrans(") and text.endswith("[0]"):
        return writing.quoted(text.removesuffix("[0]") + "[1]")
    changed = [(name, here) for name, here, _ in pairs if here != name]
    simple = {decode(name): decode(here) for name, here in changed if "/" not in name + here}
    if _is_undone_by(simple, pairs, sep):
        return writing.quoted(f"make_nametrans({simple!r})[1]")
    each = {here.replace("/", sep): name.replace("/", sep) for name, here in changed}
    return writing.quoted(f"lambda name: {each!r}.get(name, name)")


def _is_undone_by(simple: dict[str, str], pairs: Sequence[tuple[str, str, str]], sep: str) -> bool:
    """Does make_nametrans, whose children follow, lead every folder back?"""
    try:
        back = nametrans.build_nametrans(simple)[1]
    except ValueError:
        return False
    return all(back(here.replace("/", sep)).replace(sep, "/") == name for name, here, _ in pairs)


def _ours_there(rc: Rc, box: Box, name: str, local: str | None, said: str) -> Check:
    """Return the advice for a line that cannot stay: the plain one, or none where the other side has none."""
    if local is None:
        return writing.switched_off(rc, name, box.remote, "nametrans", said)
    return writing.replaced(rc, name, box.remote, "nametrans", "nametrans_remote", said)


def _utf8(rc: Rc, box: Box) -> Iterator[Check]:
    """With utf8foldernames names come in Unicode, which our functions must be told."""
    if not rc.flag(box.section, "utf8foldernames", otherwise=False):
        return
    for section in (box.remote, box.local):
        text = folders.line(rc, section, "nametrans")
        if section is None or text is None:
            continue
        found = re.fullmatch(r"make_nametrans\((?P<inside>.*)\)\[(?P<side>[01])\]", text.strip(), re.DOTALL)
        if found and "utf8" not in found["inside"]:
            right = writing.quoted(f"make_nametrans({found['inside']}, utf8=True)[{found['side']}]")
            said = "With utf8foldernames folders' names come in Unicode, and make_nametrans is not told so"
            yield writing.replaced(rc, "config-utf8", section, "nametrans", right, said)
            return
