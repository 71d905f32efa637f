"""
What each folder of a mailbox is, told by the names of all its folders at once.

Names in the mailbox's own languages come first; where none is known, a look at some messages decides. Losing mail is
worse than syncing a calendar, so what is in doubt is kept.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import account_lock, errors, time_words
from offlineimap_m365.folders import learned, nametrans
from offlineimap_m365.folders.patterns import key
from offlineimap_m365.learn.language import Names

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from offlineimap_m365.learn.language import Group
    from offlineimap_m365.mail.folder_list import Folder

#: Kinds of folders that get a local name, with their flags (RFC 6154) and Exchange's English names.
_RENAMED = (
    ("sent_items", "\\sent", "Sent Items"),
    ("deleted_items", "\\trash", "Deleted Items"),
    ("junk_email", "\\junk", "Junk Email"),
)
#: Flags of folders for mail (RFC 6154). A meeting request in the folder of sent mail looks like a calendar item.
_MAIL_FLAGS = frozenset({"\\sent", "\\trash", "\\junk", "\\drafts", "\\archive", "\\all", "\\flagged"})


@dataclasses.dataclass(frozen=True)
class Verdict:
    """
    What one folder of the top level is.

    *rule*: ``inbox``, ``name``, ``language`` (a word that counts in the mailbox's language), ``items`` (nothing but
    calendar items and the like in it), ``ambiguous`` (kept, since its language is not that of the mailbox), ``mail``
    (known, and holds mail), ``unknown``. *kind* and *languages*: what the name may be, where it is known.
    """

    is_mail: bool
    rule: str
    kind: str | None = None
    languages: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was learned: a verdict per folder of the top level (as spelled), languages, local names, warnings."""

    verdicts: dict[str, Verdict]
    languages: tuple[Group, ...]
    names: dict[str, str]
    warnings: tuple[str, ...]

    def as_profile(self) -> dict[str, Any]:
        """Return what the profile stores, as learned.find() returns it."""
        return {
            "not_mail": sorted(name for name, verdict in self.verdicts.items() if not verdict.is_mail),
            "languages": [code for group in self.languages for code in group],
            "names": self.names,
            "learnt_at": time_words.timestamp(),
        }


def top(name: str) -> str:
    """Return the first component of the path *name*, which decides."""
    return name.partition("/")[0]


def find_out(table: Mapping[str, Any], folders: Sequence[Folder], items: Container[str] = ()) -> Finding:
    """Return what the names of all *folders* show; those in *items* hold nothing but calendar items and the like."""
    known = Names(table, (top(folder.name) for folder in folders))
    verdicts = {name: _judge(known, name, holds_items=name in items) for name in known.tops}
    warnings = tuple(_missing(verdicts, known.languages))
    return Finding(verdicts, known.languages, _local_names(known, folders), warnings)


def worth_a_look(finding: Finding, folders: Sequence[Folder]) -> list[Folder]:
    """Return the *folders* of the top level whose messages tell more than their names."""
    by_name = {folder.name: folder for folder in folders if not folder.flags & _MAIL_FLAGS}
    rules = {name: verdict.rule for name, verdict in finding.verdicts.items()}
    return [folder for name, folder in by_name.items() if rules.get(name) in ("unknown", "ambiguous")]


def changed(finding: Finding, stored: Mapping[str, Any]) -> list[str]:
    """
    Return the folders of the top level for which *stored* (learned.find()) is out of date by this *finding*.

    They hold no mail and the filter keeps them, or they held none and are gone: learning again is worth it.
    """
    here = {key(name) for name in finding.verdicts}
    settled = {key(name) for part in ("not_mail", "mail") for name in stored.get(part, [])}
    no_mail = [name for name, verdict in finding.verdicts.items() if not verdict.is_mail and verdict.rule != "name"]
    new = [name for name in no_mail if key(name) not in settled]
    return new + [name for name in stored.get("not_mail", []) if key(name) not in here]


def keep(account: profiles.Account, mailbox: str, finding: Finding) -> dict[str, Any]:
    """Store the *finding* in the account's profile; return what was stored. Raises M365Error."""
    stored = finding.as_profile()
    try:
        with account_lock.held(account.folder, account.name):
            current = profiles.get(account.name)
            mailboxes = {**current.mailboxes, learned.key(mailbox): stored}
            profiles.save(dataclasses.replace(current, mailboxes=mailboxes))
    except OSError as error:
        raise errors.cannot_write(account.folder, account.name, error) from error
    return stored


def _judge(known: Names, name: str, *, holds_items: bool) -> Verdict:
    """Return what the folder of the top level *name* is."""
    if key(name) == "inbox":
        return Verdict(is_mail=True, rule="inbox")
    rows = known.rows(name)
    not_mail = [row for row in rows if row["kind"] in known.not_mail]
    counting = known.counting(name)
    shown = counting or not_mail or rows
    kind, languages = (shown[0]["kind"], known.codes(shown)) if shown else (None, ())
    if counting:
        return Verdict(False, "language" if counting[0].get("ambiguous") else "name", kind, languages)
    if holds_items and len(not_mail) == len(rows):
        return Verdict(False, "items", kind, languages)
    return Verdict(True, "ambiguous" if not_mail else "mail" if rows else "unknown", kind, languages)


def _local_names(known: Names, folders: Sequence[Folder]) -> dict[str, str]:
    """Return ``{server name: local name}`` for sent, deleted and junk mail; Exchange's English names where none is."""
    names = {}
    tops = [folder for folder in folders if "/" not in folder.name and folder.holds_messages]
    for kind, flag, english in _RENAMED:
        ranked = [(-1.0 if flag in folder.flags else known.rank(folder.name, kind), folder.name) for folder in tops]
        rank, name = min(ranked, default=(math.inf, ""))
        names[name if rank < math.inf else english] = nametrans.STANDARD[english]
    return dict(nametrans.merge(None, names))


def _missing(verdicts: Mapping[str, Verdict], groups: Sequence[Group]) -> Iterator[str]:
    """Yield a warning if this mailbox seems to have a calendar or contacts that are kept."""
    kinds = {verdict.kind for verdict in verdicts.values() if not verdict.is_mail}
    lost = [kind for kind in ("calendar", "contacts") if kind not in kinds]
    rules = {verdict.rule for verdict in verdicts.values()}
    if lost and rules & {"unknown", "ambiguous"} and "items" not in rules:
        names = " or the ".join(lost)
        fact = f"No folder is known as the {names}" if groups else "The language of this mailbox is unknown"
        yield f"{fact}, so the calendar and the like may be kept. To leave one out: make_folderfilter(drop=[NAME])"
