"""
What each folder of a mailbox is, told by all its folders at once and by the headers of a few messages.

Names in the mailbox's own languages come first. Where no name is known, messages decide: Exchange shows appointments
and contacts as stand-ins. Losing mail is worse than syncing a calendar, so what is in doubt is kept, and is named.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import account_lock, errors, time_words
from offlineimap_m365.folders import learned, nametrans
from offlineimap_m365.folders.patterns import key
from offlineimap_m365.folders.utf7 import decode
from offlineimap_m365.learn.evidence import Evidence
from offlineimap_m365.learn.language import Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from offlineimap_m365.learn.language import Group
    from offlineimap_m365.mail.folder_list import Folder

#: Kinds that hold items which are no mail; in the other folders without mail there may be real messages (DavMail's
#: listing, offlineimap#353: Sync Issues are IPF.Note).
ITEMS = frozenset({"calendar", "contacts", "suggested_contacts", "quick_contacts", "tasks", "notes", "journal"})
#: What other programs call the folders of a kind, and the flag that tells such a folder (RFC 6154).
_LOCAL = (("sent_items", "Sent", "\\sent"), ("deleted_items", "Trash", "\\trash"), ("junk_email", "Junk", "\\junk"))
#: Flags of folders for mail (RFC 6154), which no message can make a calendar.
_MAIL_FLAGS = frozenset({"\\sent", "\\trash", "\\junk", "\\drafts", "\\archive", "\\all", "\\flagged"})


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
    known = Names(table)
    tops = list(dict.fromkeys(top(folder.name) for folder in folders))
    flagged = {top(folder.name) for folder in folders if folder.flags & _MAIL_FLAGS}
    groups = tuple(known.detect(tops))
    judge = _Judge(known, groups, tops)
    verdicts = {}
    for name in tops:
        shown = evidence.get(name, Evidence())
        verdicts[name] = judge.judge(name, Evidence(mail=shown.mail, total=shown.total) if name in flagged else shown)
    warnings = [*_missing(verdicts, groups), *_doubts(folders, verdicts, evidence)]
    return Finding(verdicts, groups, _local_names(known, groups, folders), tuple(warnings))


def worth_a_look(table: Mapping[str, Any], folders: Sequence[Folder]) -> list[Folder]:
    """Return the *folders* whose messages could tell more than their names, the most telling first."""
    known = Names(table)
    ranked: dict[int, list[Folder]] = {1: [], 2: [], 3: []}
    for folder in folders:
        kinds = {row["kind"] for row in known.rows(top(folder.name))}
        is_top = top(folder.name) == folder.name
        if key(top(folder.name)) == "inbox" or (kinds and not kinds & ITEMS) or (kinds and not is_top):
            continue
        ranked[1 if kinds else 2 if is_top else 3].append(folder)
    return ranked[1] + ranked[2] + ranked[3]


def changed(finding: Finding, stored: Mapping[str, Any]) -> list[str]:
    """
    Return the folders of the top level for which *stored* (learned.find()) is out of date by this *finding*.

    They hold no mail and the filter keeps them, or they held none and are gone: learning again is worth it.
    """
    here = {key(name) for name in finding.verdicts}
    settled = {key(name) for part in ("not_mail", "mail") for name in stored.get(part, [])}
    new = [
        name
        for name, verdict in finding.verdicts.items()
        if not verdict.is_mail and verdict.rule != "name" and key(name) not in settled
    ]
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


class _Judge:
    """What the folders of one mailbox are, by name and evidence."""

    def __init__(self, known: Names, groups: Sequence[Group], tops: Iterable[str]) -> None:
        self._known = known
        self._groups = groups
        self._languages = frozenset(code for group in groups for code in group)
        self._names_by_kind: dict[str, set[str]] = {}
        for name in tops:
            for row in self._counting(name):
                self._names_by_kind.setdefault(row["kind"], set()).add(key(name))

    def judge(self, name: str, evidence: Evidence) -> Verdict:
        """Return what the folder of the top level *name* is."""
        if key(name) == "inbox":
            return Verdict(is_mail=True, rule="inbox")
        counting = self._counting(name)
        if counting:
            return self._named(name, counting, evidence)
        rows = self._known.rows(name)
        weak = [row for row in rows if row["kind"] in self._known.not_mail]
        if evidence.shows_only_items and len(weak) == len(rows):
            return Verdict(False, "items", weak[0]["kind"] if weak else None, _codes(weak))
        if weak:
            return Verdict(True, "ambiguous", weak[0]["kind"], _codes(weak))
        if rows:
            return Verdict(True, "mail", rows[0]["kind"], _codes(rows, self._languages))
        return Verdict(is_mail=True, rule="unknown")

    def _counting(self, name: str) -> list[Mapping[str, Any]]:
        """Return the rows by which *name* is no mail: unambiguous, or of a language that is certainly used here."""
        rows = [row for row in self._known.rows(name) if row["kind"] in self._known.not_mail]
        strong = [row for row in rows if not row.get("ambiguous")]
        if strong:
            return strong
        codes = {row["language"] for row in rows}
        certain = {code for group in self._groups if set(group) <= codes for code in group}
        return [row for row in rows if row["language"] in certain]

    def _named(self, name: str, rows: Sequence[Mapping[str, Any]], evidence: Evidence) -> Verdict:
        """Return the verdict on a folder whose name is that of a folder without mail."""
        kind = rows[0]["kind"]
        is_certain = not rows[0].get("ambiguous") and self._names_by_kind[kind] == {key(name)}
        if kind in ITEMS and evidence.shows_mail and not is_certain:
            return Verdict(True, "messages", kind, _codes(rows, self._languages))
        rule = "language" if rows[0].get("ambiguous") else "name"
        return Verdict(False, rule, kind, _codes(rows, self._languages))


def _codes(rows: Iterable[Mapping[str, Any]], used: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the languages of *rows*, only those that are *used* in the mailbox if some are."""
    codes = sorted({row["language"] for row in rows if row["language"]}, key=lambda code: (code != "en", code))
    return tuple(code for code in codes if code in used) or tuple(codes)


def _local_names(known: Names, groups: Sequence[Group], folders: Sequence[Folder]) -> dict[str, str]:
    """Return ``{server name: local name}`` for sent, deleted and junk mail; Exchange's English names where none is."""
    order = [code for group in groups for code in group]
    names = {}
    standard = {local: server for server, local in nametrans.STANDARD.items()}
    tops = [folder for folder in folders if top(folder.name) == folder.name and folder.holds_messages]
    for kind, local, flag in _LOCAL:
        flagged = [folder.name for folder in tops if flag in folder.flags]
        ranked = sorted(
            (rank, folder.name) for folder in tops if (rank := _rank(known, folder.name, kind, order)) is not None
        )
        names[(flagged or [name for _, name in ranked] or [standard[local]])[0]] = local
    return dict(nametrans.merge(None, names))


def _rank(known: Names, name: str, kind: str, order: Sequence[str]) -> int | None:
    """Return how well *name* names a folder of this *kind* in a mailbox of these languages (0: best)."""
    codes = [row["language"] for row in known.rows(name) if row["kind"] == kind]
    unknown = len(order) + 1  # a personal mailbox's name, after those of any language
    ranks = [order.index(code) if code in order else unknown if code is None else len(order) for code in codes]
    return min(ranks, default=None)


def _missing(verdicts: Mapping[str, Verdict], groups: Sequence[Group]) -> Iterator[str]:
    """Yield a warning if this mailbox seems to have a calendar or contacts that are kept."""
    kinds = {verdict.kind for verdict in verdicts.values() if not verdict.is_mail}
    is_by_items = any(verdict.rule == "items" for verdict in verdicts.values())
    lost = [kind for kind in ("calendar", "contacts") if kind not in kinds]
    if is_by_items or not lost or not any(verdict.rule in ("unknown", "ambiguous") for verdict in verdicts.values()):
        return
    known = (
        "No folder is known as the " + " or the ".join(lost) if groups else "The language of this mailbox is unknown"
    )
    yield f"{known}, so the calendar and the like may be kept. To leave one out: make_folderfilter(drop=[NAME])"


def _doubts(
    folders: Iterable[Folder], verdicts: Mapping[str, Verdict], evidence: Mapping[str, Evidence]
) -> Iterator[str]:
    """Yield a warning for each folder whose messages contradict what is done with it."""
    for folder in sorted(folders, key=lambda folder: decode(folder.name).casefold()):
        if folder.name not in evidence:
            continue
        shown, verdict, name = evidence[folder.name], verdicts[top(folder.name)], decode(folder.name)
        if verdict.is_mail and shown.shows_items:
            yield (
                f"{name} is kept, but {shown.items} of {shown.total} messages are calendar items, contacts or the like."
                f" To leave it out: make_folderfilter(drop=[{name!r}])"
            )
        elif not verdict.is_mail and shown.shows_mail and verdict.kind in ITEMS:
            yield (
                f"{name} is left out because of its name, but {shown.mail} of {shown.total} messages came by mail."
                f" To keep it: make_folderfilter(keep=[{name!r}])"
            )
        elif verdict.rule == "messages" and top(folder.name) == folder.name:
            yield f"{name} is kept in spite of its name: {shown.mail} of {shown.total} messages came by mail"
