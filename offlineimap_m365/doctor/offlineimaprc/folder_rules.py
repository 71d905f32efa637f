"""
The lines about folders, and the Maildir that is already on the disk.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.offlineimaprc import eval_lines
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, show
from offlineimap_m365.doctor.offlineimaprc.option_rules import expanded, folder_line

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
_ENDS = "OfflineIMAP ends with an error"


def check(review: Review, box: Mailbox, names: Names) -> None:
    """Mend the folderfilter, the nametrans and the separator of *box*."""
    text = review.document.get(box.remote, "folderfilter")
    fault = eval_lines.examine(text, "filter", names).fault if text is not None else ""
    if fault:
        review.set(box.remote, "folderfilter", folder_line(box, "folderfilter"), _ENDS, fault)
    _nametrans(review, box, box.remote, "nametrans_remote", names)
    _nametrans(review, box, box.local, "nametrans_local", names)
    _counterpart(review, box, names)
    folders = _maildirs(expanded(review.document.get(box.local, "localfolders") or ""))
    _separator(review, box, folders)
    _renamed(review, box, folders)


def _nametrans(review: Review, box: Mailbox, section: Section, ours: str, names: Names) -> None:
    text, part = review.document.get(section, "nametrans"), section.option("nametrans")
    fault = eval_lines.examine(text, "nametrans", names).fault if text is not None else ""
    if part is not None and text is not None and fault:
        side = f"{text.strip()}[{int(ours == 'nametrans_local')}]"
        is_pair = eval_lines.examine(side, "nametrans", names).is_ours
        if eval_lines.is_like_ours(text):
            review.set(section, "nametrans", as_value(side) if is_pair else folder_line(box, ours), _ENDS, fault)
        else:
            review.report(part.line, "nametrans", f"{fault}; {_ENDS}", Remedy("Correct it; --run-config tries it"))


def _counterpart(review: Review, box: Mailbox, names: Names) -> None:
    """Give our function in the remote repository its inverse in the local one; remove it where it is only there."""
    text, local = (review.document.get(section, "nametrans") for section in (box.remote, box.local))
    reason = "one nametrans without its inverse in the other repository makes new folders on the server"
    if text is None and local is not None and eval_lines.examine(local, "nametrans", names).is_ours:
        review.remove(box.local, "nametrans", reason)
    if text and local is None and eval_lines.examine(text, "nametrans", names).is_ours:
        right = "nametrans_local" if text.strip() == "nametrans_remote" else as_value(text.replace("[0]", "[1]"))
        review.set(box.local, "nametrans", right, reason)


def same_maildir(review: Review, boxes: Sequence[Mailbox]) -> None:
    """Give each mailbox its own Maildir: OfflineIMAP would delete in one what is not in the other."""
    seen: dict[str, Mailbox] = {}
    for box in boxes:
        value = review.document.get(box.local, "localfolders")
        first = seen.setdefault(os.path.realpath(expanded(value or box.name)), box)
        reason = f"the account {show(first.name)} has the same Maildir, and each deletes what the other adds"
        if first.local is not box.local:
            review.set(box.local, "localfolders", as_value(f"{(value or '').rstrip('/')}-{box.name}"), reason)
        elif first is not box:
            remedy = Remedy("Write a local repository of its own for this account")
            review.report(box.section.line, "localrepository", reason, remedy)


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
    """``sep`` must be what the Maildir was made with; a Maildir with both layouts is not judged."""
    dotted = [name for name in folders if "/" not in name and any(name.startswith(f"{one}.") for one in folders)]
    nested = [name for name in folders if "/" in name]
    right = "." if dotted else "/"
    if bool(dotted) is not bool(nested) and (review.document.get(box.local, "sep") or ".") != right:
        reason = f"the Maildir has {show((dotted or nested)[0])}, and would be downloaded again with another separator"
        review.set(box.local, "sep", right, reason)


def _renamed(review: Review, box: Mailbox, folders: Sequence[str]) -> None:
    """Our nametrans is for a new Maildir: one with the server's names would be downloaded again."""
    text = (review.document.get(box.remote, "nametrans") or "").strip()
    if text == "nametrans_remote" and "Sent Items" in folders and "Sent" not in folders:
        for section in (box.remote, box.local):
            review.remove(section, "nametrans", "the Maildir has Sent Items, which would be downloaded again as Sent")
