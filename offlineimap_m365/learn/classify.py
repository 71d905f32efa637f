"""
What each folder of a mailbox is, told by all its folders at once and by the headers of a few messages.

Names in the mailbox's own languages come first. Where no name is known, messages decide: Exchange shows appointments
and contacts as stand-ins. Losing mail is worse than syncing a calendar, so what is in doubt is kept, and is named.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import account_lock, errors, time_words
from offlineimap_m365.folders import learned, nametrans
from offlineimap_m365.folders.patterns import key
from offlineimap_m365.folders.utf7 import decode
from offlineimap_m365.learn.language import Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from offlineimap_m365.learn.language import Group
    from offlineimap_m365.mail.folder_list import Folder

#: Kinds that hold items which are no mail; in the other folders without mail there may be real messages (DavMail's
#: listing, offlineimap#353: Sync Issues are IPF.Note).
ITEMS = frozenset({"calendar", "contacts", "suggested_contacts", "quick_contacts", "tasks", "notes", "journal"})
#: Kinds of folders that get a local name, with their flags (RFC 6154) and Exchange's English names.
_RENAMED = (
    ("sent_items", "\\sent", "Sent Items"),
    ("deleted_items", "\\trash", "Deleted Items"),
    ("junk_email", "\\junk", "Junk Email"),
)
#: Flags of folders for mail (RFC 6154), which no message can make a calendar.
_MAIL_FLAGS = frozenset({"\\sent", "\\trash", "\\junk", "\\drafts", "\\archive", "\\all", "\\flagged"})
#: So many messages, and nothing but items among them, show that a folder of an unknown name holds no mail.
_ENOUGH = 2


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a few headers show of a folder: how many are *items* for sure, how many came by *mail*, and of how many."""

    items: int = 0
    mail: int = 0
    total: int = 0

    @property
    def shows_only_items(self) -> bool:
        """Are there enough messages, and is each of them an item?"""
        return self.items == self.total >= _ENOUGH

    @property
    def shows_mail(self) -> bool:
        """Did something come by mail, and is there no item?"""
        return self.mail > 0 and self.items == 0


@dataclasses.dataclass(frozen=True)
class Verdict:
    """
    What one folder of the top level is.

    *rule*: ``inbox``, ``name``, ``language`` (a word that counts in the mailbox's language), ``items`` (no name that is
    known, and nothing but items in it), ``messages`` (kept against its name), ``ambiguous`` (kept, since its language
    is not that of the mailbox), ``mail`` (known, and holds mail), ``unknown``. *kind* and *languages*: what the name
    may be, where it is known.
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
        known = self.verdicts.items()
        return {
            "not_mail": sorted(name for name, verdict in known if not verdict.is_mail),
            "mail": sorted(name for name, verdict in known if verdict.rule == "messages"),
            "languages": [code for group in self.languages for code in group],
            "names": self.names,
            "learnt_at": time_words.timestamp(),
        }


def top(name: str) -> str:
    """Return the first component of the path *name*, which decides."""
    return name.partition("/")[0]


def find_out(table: Mapping[str, Any], folders: Sequence[Folder], evidence: Mapping[str, Evidence]) -> Finding:
    """Return what the names of all *folders* and the *evidence* (by name, where messages were looked at) show."""
    known = Names(table, (top(folder.name) for folder in folders))
    flagged = {top(folder.name) for folder in folders if folder.flags & _MAIL_FLAGS}
    verdicts = {}
    for name in known.tops:
        shown = evidence.get(name, Evidence())
        verdicts[name] = _judge(known, name, dataclasses.replace(shown, items=0) if name in flagged else shown)
    warnings = [*_missing(verdicts, known.languages), *_doubts(folders, verdicts, evidence)]
    return Finding(verdicts, known.languages, _local_names(known, folders), tuple(warnings))


def worth_a_look(table: Mapping[str, Any], folders: Sequence[Folder]) -> list[Folder]:
    """Return the *folders* whose messages could tell more than their names, the most telling first."""
    known = Names(table)
    ranked: tuple[list[Folder], ...] = ([], [], [])
    for folder in folders:
        kinds = {row["kind"] for row in known.rows(top(folder.name))}
        is_nested = "/" in folder.name
        if key(top(folder.name)) == "inbox" or (kinds and (is_nested or not kinds & ITEMS)):
            continue
        ranked[0 if kinds else 1 + is_nested].append(folder)
    return [folder for group in ranked for folder in group]


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
    """
    Store the *finding* in the account's profile; return what was stored.

    Raises Temporary if the lock cannot be had, SignInNeeded if the account is gone, Temporary or Misconfigured if the
    profile cannot be written.
    """
    stored = finding.as_profile()
    try:
        with account_lock.held(account.folder, account.name):
            current = profiles.get(account.name)
            mailboxes = {**current.mailboxes, learned.key(mailbox): stored}
            profiles.save(dataclasses.replace(current, mailboxes=mailboxes))
    except OSError as error:
        raise errors.cannot_write(account.folder, account.name, error) from error
    return stored


def _judge(known: Names, name: str, evidence: Evidence) -> Verdict:
    """Return what the folder of the top level *name* is."""
    if key(name) == "inbox":
        return Verdict(is_mail=True, rule="inbox")
    rows = known.rows(name)
    not_mail = [row for row in rows if row["kind"] in known.not_mail]
    counting = known.counting(name)
    shown = counting or not_mail or rows
    kind, languages = (shown[0]["kind"], known.codes(shown)) if shown else (None, ())
    if counting:
        is_ambiguous = bool(counting[0].get("ambiguous"))
        is_doubtful = is_ambiguous or not known.is_only(name, counting[0]["kind"])
        if kind in ITEMS and evidence.shows_mail and is_doubtful:
            return Verdict(True, "messages", kind, languages)
        return Verdict(False, "language" if is_ambiguous else "name", kind, languages)
    if evidence.shows_only_items and len(not_mail) == len(rows):
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
    rules = {verdict.rule for verdict in verdicts.values()}
    kinds = {verdict.kind for verdict in verdicts.values() if not verdict.is_mail}
    lost = [kind for kind in ("calendar", "contacts") if kind not in kinds]
    if lost and rules & {"unknown", "ambiguous"} and "items" not in rules:
        names = " or the ".join(lost)
        fact = f"No folder is known as the {names}" if groups else "The language of this mailbox is unknown"
        yield f"{fact}, so the calendar and the like may be kept. To leave one out: make_folderfilter(drop=[NAME])"


def _doubts(
    folders: Iterable[Folder], verdicts: Mapping[str, Verdict], evidence: Mapping[str, Evidence]
) -> Iterator[str]:
    """Yield a warning for each folder whose messages contradict what is done with it."""
    for folder in sorted(folders, key=lambda folder: decode(folder.name).casefold()):
        if folder.name not in evidence:
            continue
        shown, verdict, name = evidence[folder.name], verdicts[top(folder.name)], decode(folder.name)
        came = f"{shown.mail} of {shown.total} messages came by mail"
        if verdict.is_mail and shown.items and not shown.mail:
            items = f"{shown.items} of {shown.total} messages are calendar items, contacts or the like"
            yield f"{name} is kept, but {items}. To leave it out: make_folderfilter(drop=[{name!r}])"
        elif not verdict.is_mail and shown.shows_mail and verdict.kind in ITEMS:
            yield f"{name} is left out because of its name, but {came}. To keep it: make_folderfilter(keep=[{name!r}])"
        elif verdict.rule == "messages" and "/" not in folder.name:
            yield f"{name} is kept in spite of its name: {came}"
