"""
The lines about a mailbox's folders, tried on their names; and the folderfilter: does every mail come, and nothing else?
"""

from __future__ import annotations

import ast
import dataclasses
import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc import evals, ours, safe, writing
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.folders.utf7 import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.boxes import Box
    from offlineimap_m365.doctor.offlineimaprc.pythonfile import Names
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

#: What every mailbox of Exchange has, in English, where nobody can look.
USUAL = (
    *("INBOX", "Archive", "Deleted Items", "Drafts", "Junk Email", "Sent Items", "Conversation History"),
    *("Calendar", "Calendar/Birthdays", "Contacts", "Notes", "Tasks"),
)
#: A folder that nobody has: who keeps it lists what is left out, who does not lists what is wanted.
STRANGER = "a folder that nobody has"


@dataclasses.dataclass(frozen=True)
class Tried:
    """What the lines make of the server's *names*: which are *kept*, and each one's name here and back again."""

    names: tuple[str, ...]
    kept: tuple[bool, ...] | None
    renamed: tuple[tuple[str, str], ...] | None

    @property
    def wanted(self) -> list[str]:
        """The folders that are synced."""
        if self.kept is None:
            return list(self.names)
        return [name for name, is_kept in zip(self.names, self.kept, strict=True) if is_kept]


def line(rc: Rc, section: str | None, option: str) -> str | None:
    """Return a line of Python, None where there is none."""
    return rc.get(section, option) if section else None


def separator(rc: Rc, box: Box) -> str:
    """Return what stands between the levels of a local folder's name (OfflineIMAP's Maildir.py; / on a server)."""
    if box.local and rc.get(box.local, "type") == "IMAP":
        return "/"
    return (line(rc, box.local, "sep") or ".").strip()


def faults(rc: Rc, box: Box, names: Names) -> list[Check]:
    """Return what can be seen of the lines as Python, and what our own functions refuse in them."""
    found = []
    for section, option, wanted, side, which in _lines(box):
        text = line(rc, section, option)
        if section is None or text is None:
            continue
        right = ours.folder_line(box.account, box.mailbox, which)
        fault = evals.fault(text, wanted, names, side) or _refused(text, names)
        if fault is not None:
            fixed = right if fault.fixed is None else writing.quoted(fault.fixed)
            found.append(writing.replaced(rc, f"config-eval-{fault.name}", section, option, fixed, fault.meaning))
    return found


def _lines(box: Box) -> tuple[tuple[str | None, str, str, int, str], ...]:
    return (
        (box.remote, "folderfilter", "filter", 0, "folderfilter"),
        (box.remote, "nametrans", "nametrans", 0, "nametrans_remote"),
        (box.local, "folderfilter", "filter", 1, "folderfilter"),
        (box.local, "nametrans", "nametrans", 1, "nametrans_local"),
    )


def _refused(text: str, names: Names) -> evals.Fault | None:
    try:
        safe.function(text, names)
    except errors.M365Error as error:
        return evals.Fault("refused", error.fact.partition("; known:")[0])
    return None


def attempt(rc: Rc, box: Box, names: Names, found: Sequence[str]) -> Tried:
    """Try the lines on the folders *found*, as far as that is possible without executing the user's own."""
    texts = [line(rc, box.remote, "folderfilter"), line(rc, box.remote, "nametrans"), line(rc, box.local, "nametrans")]
    keep, there, back = (None if text is None else _function(text, names) for text in texts)
    renames = texts[1] is not None or texts[2] is not None
    is_told = renames and not any(text and call is None for text, call in zip(texts[1:], (there, back), strict=True))
    sep = separator(rc, box)
    return Tried(
        tuple(found),
        _each(lambda name: bool(keep(name)), found) if keep else None,
        _each(lambda name: _round(name, there or _same, back or _same, sep), found) if is_told else None,
    )


def _function(text: str, names: Names) -> Callable[[str], Any] | None:
    try:
        return safe.function(text, names)
    except errors.M365Error:
        return None


def _each(call: Callable[[str], Any], names: Sequence[str]) -> tuple[Any, ...] | None:
    try:
        return tuple(call(name) for name in names)
    except safe.Unsafe:
        return None


def _same(name: str) -> str:
    return name


def _round(name: str, there: Callable[[str], Any], back: Callable[[str], Any], sep: str) -> tuple[str, str]:
    """Return the local name of a server's folder, and the server's name of that one (OfflineIMAP's Base.py)."""
    local = there(name)
    if not isinstance(local, str):
        raise safe.Unsafe
    return local, str(back(local.replace("/", sep))).replace(sep, "/")


def examine(rc: Rc, box: Box, tried: Tried) -> Iterator[Check]:
    """Yield what is wrong with the folderfilter of *box*, by what it made of the folders."""
    right = ours.folder_line(box.account, box.mailbox, "folderfilter")
    text = line(rc, box.remote, "folderfilter")
    if text is None:
        said = "Without a folderfilter calendars, contacts and tasks are synced as folders of broken mail"
        yield writing.set_to(rc, "config-folderfilter", box.remote, "folderfilter", right, said)
        return
    if tried.kept is None:
        said = "The folderfilter is Python of your own, which only --run-config would try"
        yield writing.untold(rc, "config-folderfilter", said)
        return
    best = folder_filter.build_filter(learnt=box.account.mailboxes.get(learned.key(box.mailbox)))
    wrong = [name for name in tried.wanted if not best(name)]
    lost = [name for name in tried.names if name not in tried.wanted and best(name)]
    if "INBOX" in lost:
        said = "The folderfilter leaves out INBOX"
        yield writing.replaced(rc, "config-filter-drops", box.remote, "folderfilter", right, said)
    elif _is_deliberate(text):
        return
    elif wrong and not _is_named(wrong, text):
        said = f"The folderfilter keeps what is no mail: {shown(wrong)}"
        yield writing.replaced(rc, "config-filter-keeps", box.remote, "folderfilter", right, said)
    elif not _lists_what_is_wanted(tried) and not _is_named(lost, text):
        said = f"The folderfilter leaves out mail: {shown([name for name in lost if not _is_named([name], text)])}"
        yield writing.replaced(rc, "config-filter-drops", box.remote, "folderfilter", right, said)


def _is_deliberate(text: str) -> bool:
    """Is it our function with the user's own words, so that what it does is what they want?"""
    return text.strip().startswith("make_folderfilter(") and bool(
        re.search(r"\b(keep|drop|also|languages)\b|\(\s*\[", text)
    )


def _lists_what_is_wanted(tried: Tried) -> bool:
    """Does the filter leave out whatever it does not know? Then what it leaves out is what somebody wanted so."""
    return tried.names[-1:] == (STRANGER,) and tried.kept is not None and not tried.kept[-1]


def _is_named(names: Sequence[str], text: str) -> bool:
    """Are all of *names* written out in the line, so that somebody wanted them so?"""
    tree = evals.parse(text)
    if tree is None:
        return False
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return all(any(part in words for part in (name, name.partition("/")[0], decode(name))) for name in names)


def shown(names: Sequence[str], most: int = 3) -> str:
    """Return the first of *names* for a sentence."""
    few = [writing.cited(decode(name)) for name in names[:most]]
    return ", ".join(few) + (f" and {len(names) - most} more" if len(names) > most else "")


def with_stranger(names: Sequence[str]) -> list[str]:
    """Return *names* with one behind them that nobody has."""
    return [*names, STRANGER]
