"""
The lines about folders, and the Maildir that is already on the disk.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.offlineimaprc import eval_lines
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, show
from offlineimap_m365.doctor.offlineimaprc.option_rules import expanded, folder_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from offlineimap_m365.doctor.offlineimaprc.document import Section
    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox
    from offlineimap_m365.doctor.offlineimaprc.own_pythonfile import Names

#: A Maildir's own directories (maildir(5)). Of a large tree only so many directories are looked at.
_PARTS = ("cur", "new", "tmp")
_MOST, _DEEPEST = 2000, 8


def check(review: Review, box: Mailbox, names: Names) -> None:
    """Mend the folderfilter, the nametrans and the separator of *box*."""
    text = review.document.get(box.remote, "folderfilter")
    line = eval_lines.examine(text, "filter", names) if text is not None else None
    if line and line.fault:
        right = folder_lines(box)["folderfilter"]
        review.set(
            "config-folderfilter", box.remote, "folderfilter", right, "OfflineIMAP ends with an error", line.fault
        )
    sides = ((box.remote, "nametrans_remote", 0), (box.local, "nametrans_local", 1))
    for section, ours, side in sides:
        _nametrans(review, box, section, ours, side, names)
    _counterpart(review, box, names)
    folders = _maildirs(expanded(review.document.get(box.local, "localfolders") or ""))
    _separator(review, box, folders)
    _renamed(review, box, folders)


def _nametrans(review: Review, box: Mailbox, section: Section, ours: str, side: int, names: Names) -> None:  # noqa: PLR0913, PLR0917 - one side of a pair
    text = review.document.get(section, "nametrans")
    fault = eval_lines.examine(text, "nametrans", names).fault if text is not None else ""
    part = review.document.find(section, "nametrans")
    if text is None or part is None or not fault:
        return
    whole = f"{text.strip()}[{side}]"
    right = as_value(whole) if eval_lines.examine(whole, "nametrans", names).is_ours else folder_lines(box)[ours]
    if eval_lines.is_like_ours(text):
        review.set("config-nametrans", section, "nametrans", right, "OfflineIMAP ends with an error", fault)
    else:
        remedy = Remedy("Correct the line; --run-config tries it")
        review.report("config-nametrans", part.line, "nametrans", fault, "OfflineIMAP ends with an error", remedy)


def _counterpart(review: Review, box: Mailbox, names: Names) -> None:
    """Give our function in the remote repository its inverse in the local one; remove it where it is only there."""
    text, local = (review.document.get(section, "nametrans") for section in (box.remote, box.local))
    if text is None and local is not None and eval_lines.examine(local, "nametrans", names).is_ours:
        reason = "without the other nametrans in the remote repository OfflineIMAP makes new folders on the server"
        review.remove("config-nametrans", box.local, "nametrans", reason)
    if text and local is None and eval_lines.examine(text, "nametrans", names).is_ours:
        right = "nametrans_local" if text.strip() == "nametrans_remote" else as_value(text.replace("[0]", "[1]"))
        reason = "without the inverse of the other nametrans OfflineIMAP makes new folders on the server"
        review.set("config-nametrans", box.local, "nametrans", right, reason)


def same_maildir(review: Review, boxes: Sequence[Mailbox]) -> None:
    """Give each mailbox its own Maildir: OfflineIMAP would delete in one what is not in the other."""
    seen: dict[str, str] = {}
    for box in boxes:
        value = review.document.get(box.local, "localfolders") or ""
        path = os.path.realpath(expanded(value))
        first = seen.setdefault(path, box.name)
        if value and first != box.name:
            reason = f"the account {show(first)} has the same Maildir, and each deletes what the other adds"
            if any(other.local is box.local and other is not box for other in boxes):
                remedy = Remedy("Write a local repository of its own for this account")
                review.report(
                    "config-same-maildir", box.section.line, "localrepository", f"is {show(value)}", reason, remedy
                )
            else:
                right = as_value(f"{value.rstrip('/')}-{box.name}")
                review.set("config-same-maildir", box.local, "localfolders", right, reason)


def _maildirs(root: Path) -> list[str]:
    """Return the Maildirs below *root*, as paths from there."""
    found, waiting, looked = [], [""], 0
    while waiting and looked < _MOST and root.is_absolute():
        looked += 1
        path = waiting.pop()
        try:
            with os.scandir(root / path) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        if path and set(_PARTS) <= set(names):
            found.append(path)
        if path.count("/") < _DEEPEST:
            waiting += [f"{path}/{name}".lstrip("/") for name in names if name not in _PARTS]
    return sorted(found)


def _separator(review: Review, box: Mailbox, folders: Sequence[str]) -> None:
    """``sep`` must be what the Maildir was made with, or all nested folders are downloaded again."""
    there = set(folders)
    dotted = [
        name for name in folders if "/" not in name and any(name[:i] in there for i, c in enumerate(name) if c == ".")
    ]
    nested = [name for name in folders if "/" in name]
    if bool(dotted) is bool(nested):
        return
    right = "." if dotted else "/"
    if (review.document.get(box.local, "sep") or ".") != right:
        reason = f"the Maildir has {show((dotted or nested)[0])}, and would be downloaded again with another separator"
        review.set("config-sep", box.local, "sep", right, reason)


def _renamed(review: Review, box: Mailbox, folders: Sequence[str]) -> None:
    """Our nametrans is for a new Maildir: one with the server's names would be downloaded again."""
    text = (review.document.get(box.remote, "nametrans") or "").strip()
    if text == "nametrans_remote" and "Sent Items" in folders and "Sent" not in folders:
        reason = "the Maildir has Sent Items, which would be downloaded again as Sent"
        review.remove("config-nametrans", box.remote, "nametrans", reason)
        review.remove("config-nametrans", box.local, "nametrans", reason)
