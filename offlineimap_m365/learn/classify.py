"""
What can be found out about a mailbox by looking at all its folders at once, which a filter never sees.

Names in the mailbox's own languages tell what each folder is; where a name is not enough, the headers of a few messages
do: Exchange shows appointments and contacts as stand-ins. Losing mail is worse than syncing a calendar, so a folder is
left out for its name, or for its name and its messages together, never for its messages alone; then it is named.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import account_lock, errors
from offlineimap_m365.folders import learned, nametrans
from offlineimap_m365.folders.patterns import key
from offlineimap_m365.folders.utf7 import decode
from offlineimap_m365.learn.language import Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from email.message import Message

    from offlineimap_m365.learn.language import Group
    from offlineimap_m365.mail.folder_list import Folder

#: Kinds that hold items which are no mail; in the other folders without mail there may be real messages (DavMail's
#: listing, offlineimap#353: Sync Issues are IPF.Note).
ITEMS = frozenset({"calendar", "contacts", "suggested_contacts", "quick_contacts", "tasks", "notes", "journal"})
#: What other programs call the folders of a kind, and the flag that tells such a folder (RFC 6154).
_LOCAL = (("sent_items", "Sent", "\\sent"), ("deleted_items", "Trash", "\\trash"), ("junk_email", "Junk", "\\junk"))
#: Names after an import beside what was there: Calendar1 (Fix-MailboxFolders, -ScanNumericals).
_NUMBERED = re.compile(r"(?P<name>.*?\D) ?\(?\d{1,3}\)?", re.DOTALL)
#: The subject of what Exchange shows instead of an item (MailKit#1451, offlineimap#507).
_STAND_IN = re.compile(r"retrieval using the imap4 protocol failed", re.IGNORECASE)
_ITEM_TYPES = frozenset({"text/calendar", "text/directory", "text/vcard", "text/x-vcard"})


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a few headers say of a folder: how many are *items* for sure, how many came by *mail*, and of how many."""

    items: int = 0
    mail: int = 0
    total: int = 0

    @property
    def speaks_for_items(self) -> bool:
        """Are there items, and nothing that came by mail?"""
        return self.items > 0 and self.mail == 0

    @property
    def speaks_for_mail(self) -> bool:
        """Came something by mail, and is there no item?"""
        return self.mail > 0 and self.items == 0


def weigh(messages: Sequence[Message]) -> Evidence:
    """Return what the headers of *messages* (see mailbox.Mailbox.sample) say."""
    items = sum(_is_item(message) for message in messages)
    mail = sum("Received" in message and not _is_stand_in(message) for message in messages)
    return Evidence(items, mail, len(messages))


def _is_item(message: Message) -> bool:
    if _is_stand_in(message):
        return True
    return message.get_content_type() in _ITEM_TYPES and "Received" not in message  # an invitation is mail


def _is_stand_in(message: Message) -> bool:
    return bool(_STAND_IN.search(str(message.get("Subject", ""))))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """
    What one folder of the top level is.

    *rule*: ``inbox``, ``name``, ``language`` (a word that counts in the mailbox's language), ``number`` (a numbered
    double), ``messages`` (kept against its name), ``ambiguous`` (kept, since its language is not that of the mailbox),
    ``mail`` (known, and holds mail), ``unknown``. *kind* and *languages*: of what the name may be, where it is known.
    """

    is_mail: bool
    rule: str
    kind: str | None = None
    languages: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """All that was found out: a verdict per folder of the top level (as spelled), languages, local names, warnings."""

    verdicts: dict[str, Verdict]
    languages: tuple[Group, ...]
    names: dict[str, str]
    warnings: tuple[str, ...]

    def as_profile(self) -> dict[str, Any]:
        """Return what is kept, as learnt.find() returns it."""
        known = self.verdicts.items()
        return {
            "not_mail": sorted(name for name, verdict in known if not verdict.is_mail),
            "mail": sorted(name for name, verdict in known if verdict.rule == "messages"),
            "languages": [code for group in self.languages for code in group],
            "names": self.names,
            "learnt_at": profiles.now(),
        }


def top(name: str) -> str:
    """Return the first component of the path *name*, which decides."""
    return name.partition("/")[0]


def find_out(table: Mapping[str, Any], folders: Sequence[Folder], evidence: Mapping[str, Evidence]) -> Finding:
    """Return what the names of all *folders* and the *evidence* (by name, where messages were looked at) tell."""
    known = Names(table)
    tops = list(dict.fromkeys(top(folder.name) for folder in folders))
    groups = tuple(known.detect(tops))
    judge = _Judge(known, groups, tops)
    verdicts = {name: judge.judge(name, evidence.get(name, Evidence())) for name in tops}
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


def changed(finding: Finding, kept: Mapping[str, Any]) -> list[str]:
    """
    Return the folders of the top level about which what is *kept* (learnt.find()) is out of date by this *finding*.

    Those that hold no mail though the filter keeps them, and those that were found to hold none and are gone: a person
    should let the mailbox be learnt again.
    """
    here = {key(name) for name in finding.verdicts}
    settled = {key(name) for part in ("not_mail", "mail") for name in kept.get(part, [])}
    new = [
        name
        for name, verdict in finding.verdicts.items()
        if not verdict.is_mail and verdict.rule != "name" and key(name) not in settled
    ]
    return new + [name for name in kept.get("not_mail", []) if key(name) not in here]


def keep(account: profiles.Account, mailbox: str, finding: Finding) -> dict[str, Any]:
    """
    Keep the *finding* in the account's profile; return what was kept.

    Raises Temporary if the lock cannot be had, SignInNeeded if the account is gone, Temporary or Misconfigured if the
    profile cannot be written.
    """
    found = finding.as_profile()
    try:
        with account_lock.held(account.folder, account.name):
            current = profiles.get(account.name)
            mailboxes = {**current.mailboxes, learned.key(mailbox): found}
            profiles.save(dataclasses.replace(current, mailboxes=mailboxes))
    except OSError as error:
        raise errors.cannot_write(account.folder, account.name, error) from error
    return found


class _Judge:
    """What the folders of one mailbox are, by name and evidence."""

    def __init__(self, known: Names, groups: Sequence[Group], tops: Iterable[str]) -> None:
        self._known = known
        self._groups = groups
        self._spoken = frozenset(code for group in groups for code in group)
        self._kinds: dict[str, set[str]] = {}
        for name in tops:
            for row in self._counting(name):
                self._kinds.setdefault(row["kind"], set()).add(key(name))

    def judge(self, name: str, evidence: Evidence) -> Verdict:
        """Return what the folder of the top level *name* is."""
        if key(name) == "inbox":
            return Verdict(is_mail=True, rule="inbox")
        rows = self._known.rows(name)
        counting = self._counting(name)
        if counting:
            return self._named(name, counting, evidence)
        weak = [row for row in rows if row["kind"] in self._known.not_mail]
        if weak:
            return Verdict(True, "ambiguous", weak[0]["kind"], _codes(weak))
        if rows:
            return Verdict(True, "mail", rows[0]["kind"], _codes(rows, self._spoken))
        return self._numbered(name, evidence)

    def _counting(self, name: str) -> list[Mapping[str, Any]]:
        """Return the rows by which *name* is no mail: unambiguous, or of a language that is certainly spoken here."""
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
        is_certain = not rows[0].get("ambiguous") and self._kinds[kind] == {key(name)}
        if kind in ITEMS and evidence.speaks_for_mail and not is_certain:
            return Verdict(True, "messages", kind, _codes(rows, self._spoken))
        rule = "language" if rows[0].get("ambiguous") else "name"
        return Verdict(False, rule, kind, _codes(rows, self._spoken))

    def _numbered(self, name: str, evidence: Evidence) -> Verdict:
        """Return the verdict on a folder that nothing is known of, unless it is the double of one."""
        found = _NUMBERED.fullmatch(decode(name))
        rows = self._counting(found["name"]) if found else []
        if rows and rows[0]["kind"] in ITEMS:
            is_mail = not (evidence.items == evidence.total > 0)
            return Verdict(is_mail, "number", rows[0]["kind"], _codes(rows, self._spoken))
        return Verdict(is_mail=True, rule="unknown")


def _codes(rows: Iterable[Mapping[str, Any]], spoken: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the languages of *rows*, only those that are *spoken* here if some are."""
    codes = sorted({row["language"] for row in rows if row["language"]}, key=lambda code: (code != "en", code))
    return tuple(code for code in codes if code in spoken) or tuple(codes)


def _local_names(known: Names, groups: Sequence[Group], folders: Sequence[Folder]) -> dict[str, str]:
    """Return ``{server name: local name}`` for sent, deleted and junk mail; Exchange's English names where none is."""
    order = [code for group in groups for code in group]
    found = {}
    standard = {local: server for server, local in nametrans.STANDARD.items()}
    tops = [folder for folder in folders if top(folder.name) == folder.name and folder.holds_messages]
    for kind, local, flag in _LOCAL:
        flagged = [folder.name for folder in tops if flag in folder.flags]
        ranked = sorted(
            (rank, folder.name) for folder in tops if (rank := _rank(known, folder.name, kind, order)) is not None
        )
        found[(flagged or [name for _, name in ranked] or [standard[local]])[0]] = local
    return dict(nametrans.merge(None, found))


def _rank(known: Names, name: str, kind: str, order: Sequence[str]) -> int | None:
    """Return how well *name* names a folder of this *kind* in a mailbox of these languages (0: best)."""
    codes = [row["language"] for row in known.rows(name) if row["kind"] == kind]
    ranks = [order.index(code) if code in order else len(order) for code in codes]
    return min(ranks, default=None)


def _missing(verdicts: Mapping[str, Verdict], groups: Sequence[Group]) -> Iterable[str]:
    """Yield a warning if this mailbox seems to have a language that the table does not know."""
    unknown = [name for name, verdict in verdicts.items() if verdict.rule in ("unknown", "ambiguous")]
    if not unknown:
        return
    if not groups:
        yield (
            "The language of this mailbox is not known here: its calendar, contacts and the like may be among what is"
            " kept. Leave them out with make_folderfilter(drop=[…])"
        )
        return
    kinds = {verdict.kind for verdict in verdicts.values() if not verdict.is_mail}
    lost = [kind for kind in ("calendar", "contacts") if kind not in kinds]
    if lost:
        yield (
            f"No folder is known as the {' or the '.join(lost)}, though every mailbox has one: it may be among what is"
            " kept. Leave it out with make_folderfilter(drop=[…])"
        )


def _doubts(
    folders: Iterable[Folder], verdicts: Mapping[str, Verdict], evidence: Mapping[str, Evidence]
) -> Iterable[str]:
    """Yield a warning for each folder whose messages speak against what is done with it."""
    for folder in sorted(folders, key=lambda folder: decode(folder.name).casefold()):
        found, verdict = evidence.get(folder.name, Evidence()), verdicts[top(folder.name)]
        shown = decode(folder.name)
        if verdict.is_mail and found.speaks_for_items:
            yield (
                f"{shown} is kept, but looks as if it held no mail ({found.items} of {found.total} messages are"
                f" stand-ins or items): make_folderfilter(drop=[{shown!r}]) leaves it out"
            )
        elif not verdict.is_mail and found.speaks_for_mail and verdict.kind in ITEMS:
            yield (
                f"{shown} is left out for its name, but {found.mail} of {found.total} messages came by mail:"
                f" make_folderfilter(keep=[{shown!r}]) keeps it"
            )
        elif verdict.rule == "messages" and top(folder.name) == folder.name:
            yield f"{shown} is kept in spite of its name: {found.mail} of {found.total} messages came by mail"
