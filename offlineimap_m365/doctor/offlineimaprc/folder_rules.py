"""
The lines about folders, and the Maildir that is already on the disk.
"""

from __future__ import annotations

import copy
import itertools
import os
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.offlineimaprc import python_lines
from offlineimap_m365.doctor.offlineimaprc.findings import Fix, as_value, show
from offlineimap_m365.doctor.offlineimaprc.mailboxes import LOCAL, REMOTE
from offlineimap_m365.doctor.offlineimaprc.python_lines import expanded
from offlineimap_m365.folders import learned
from offlineimap_m365.learn import folder_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.offlineimaprc.document import Section
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox

#: Of a large tree only so many directories are looked at.
_MOST = 2000
_ENDS = "OfflineIMAP ends with an error"


def folderfilter(box: Mailbox, value: str | None) -> Fix | None:
    """``folderfilter``: there is one, and it is not one of our functions used in a wrong way."""
    part = box.document.find(box.remote, "folderfilter")
    fault = python_lines.examine(value, "filter", box.names).fault
    if part is None or fault:
        return Fix(suggested(box, "folderfilter"), fault, _ENDS if fault else "")
    return None


def suggested(box: Mailbox, name: str) -> str:
    """Return the value that ``folders`` prints for ``folderfilter``, ``nametrans_remote`` or ``nametrans_local``."""
    is_learned = learned.key(box.address) in box.account.mailboxes
    line = folder_table.lines(box.account.name, box.address, is_learnt=is_learned)[name]
    return as_value(line.partition(" = ")[2])


def nametrans(box: Mailbox, value: str | None) -> Fix | None:
    """``nametrans`` of the server: ours is for a new Maildir; one with the server's names would be downloaded again."""
    folders = _maildirs(box) if value == "nametrans_remote" else []
    if "Sent Items" in folders and "Sent" not in folders:
        return Fix(None, reason="the Maildir has Sent Items, which would be downloaded again as Sent")
    return _mend_renaming(box, box.remote, value, "nametrans_remote")


def nametrans_back(box: Mailbox, value: str | None) -> Fix | None:
    """``nametrans`` of the Maildir: the inverse of ours for the server, and nothing where that has none."""
    remote = box.document.get(box.remote, "nametrans")
    is_ours = python_lines.examine(remote or value, "nametrans", box.names).is_ours
    if (remote is None) is (value is None) or not is_ours:
        return _mend_renaming(box, box.local, value, "nametrans_local")
    if remote is None:
        return Fix(None)
    return Fix("nametrans_local" if remote == "nametrans_remote" else as_value(remote.replace("[0]", "[1]")))


def _mend_renaming(box: Mailbox, section: Section, value: str | None, ours: str) -> Fix | None:
    fault = python_lines.examine(value, "nametrans", box.names).fault
    if value and fault and value.isidentifier() and python_lines.is_like_ours(value):
        return Fix(suggested(box, ours), fault, _ENDS)
    if fault:
        box.review.report(section, "nametrans", f"{fault}; {_ENDS}", Remedy("Correct it; --run-config tries it"))
    return None


def _is_maildir(box: Mailbox) -> bool:
    return box.document.get(box.local, "type") != "IMAP"


def maildir(box: Mailbox, value: str | None) -> Fix | None:
    """``localfolders``: a whole path."""
    if not _is_maildir(box) or (value and expanded(value).is_absolute()):
        return None
    text = (value or "").strip("\"'<> ") or f"Mail/{box.name}"
    return Fix(as_value(text if expanded(text).is_absolute() else f"~/{text}"))


def _maildirs(box: Mailbox) -> list[str]:
    """Return the Maildirs below that of *box*, as paths from there (maildir(5))."""
    root = expanded(box.document.get(box.local, "localfolders") or "")
    walk = itertools.islice(os.walk(root), _MOST) if root.is_absolute() else []
    paths = [path for path, names, _ in walk if {"cur", "new", "tmp"} <= set(names)]
    return sorted(os.path.relpath(path, root) for path in paths)


def separator(box: Mailbox, value: str | None) -> Fix | None:
    """``sep`` must be what the Maildir was made with; a Maildir with both layouts is not judged."""
    if not _is_maildir(box):
        return None
    if value is not None and len(value) != 1:
        return Fix("/")
    folders = _maildirs(box)
    dotted = [name for name in folders if "/" not in name and any(name.startswith(f"{one}.") for one in folders)]
    nested = [name for name in folders if "/" in name]
    right = "." if dotted else "/"
    if bool(dotted) is bool(nested) or (value or ".") == right:
        return None
    made = show((dotted or nested)[0])
    return Fix(right, reason=f"the Maildir has {made}, and would be downloaded again with another separator")


def mend_swapped(boxes: Sequence[Mailbox]) -> None:
    """Give two accounts their own servers back, where each names the repository that is called like the other."""
    odd = [box for box in boxes if box.name in box.local.name and box.name not in box.remote.name]
    for box, other in itertools.combinations(odd, 2):
        if box.name in other.remote.name and other.name in box.remote.name:
            for account, right in ((box, other), (other, box)):
                name = as_value(right.remote.name.partition(" ")[2])
                reason = f"the mail of {show(account.address)} would go into the Maildir of {show(account.name)}"
                account.review.set(account.account_section, REMOTE, name, reason)


def mend_same_maildir(boxes: Sequence[Mailbox]) -> None:
    """Give each mailbox its own Maildir: OfflineIMAP would delete in one what is not in the other."""
    seen: dict[str, Mailbox] = {}
    for box in boxes:
        value = box.document.get(box.local, "localfolders") or ""
        first = seen.setdefault(os.path.realpath(expanded(value or box.name)), box)
        reason = f"the account {show(first.name)} has the same Maildir, and each deletes what the other adds"
        local = box.local
        if first.local is local and first is not box:
            local = copy.deepcopy(local)
            local.name = f"{local.name}-{box.name}"
            local.parts[0].lines = [f"[{local.name}]{box.document.line_end}"]
            box.document.sections.insert(box.document.sections.index(box.local) + 1, local)
            box.review.set(box.account_section, LOCAL, as_value(local.name.partition(" ")[2]), reason)
        if first is not box:
            box.review.set(local, "localfolders", as_value(f"{value.rstrip('/')}-{box.name}"), reason)
