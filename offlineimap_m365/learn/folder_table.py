"""
The folders of a mailbox as ``folders`` shows them: what the filter does with each, why, and what it is called here.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors
from offlineimap_m365.console import table
from offlineimap_m365.folders import folder_filter, nametrans
from offlineimap_m365.folders.patterns import key
from offlineimap_m365.folders.utf7 import decode
from offlineimap_m365.learn.classify import top

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offlineimap_m365.learn.classify import Finding, Verdict
    from offlineimap_m365.mail.folder_list import Folder

#: Why a folder is kept or left out, by the rule of its verdict.
_REASONS = {
    "inbox": "INBOX is always kept",
    "name": "{kind}",
    "mail": "{kind}",
    "language": "{kind}, in this mailbox's language",
    "items": "nothing but calendar items, contacts or the like in it",
    "ambiguous": "{kind}, but an ordinary word elsewhere",
    "unknown": "a folder like any other",
}
#: Characters of a name, and languages, that one line of a table shows.
_LONGEST, _MOST_LANGUAGES = 60, 4


@dataclasses.dataclass(frozen=True)
class Row:
    """
    One folder, with the field names of ``folders --json``.

    *name* as the server spells it, *unicode* as people read it; *kept*: does the filter keep it? *rule* as in
    classify.Verdict, which ``--learn`` would follow, or ``finding`` (what was learned earlier decides and is
    out of date); *messages*: their number, None if not known.
    """

    name: str
    unicode: str
    kept: bool
    rule: str
    why: str
    kind: str | None
    languages: tuple[str, ...]
    local_name: str | None
    messages: int | None


def rows(
    folders: Sequence[Folder],
    finding: Finding,
    learnt: Mapping[str, Any] | None,
    counts: Mapping[str, int],
    *,
    is_personal: bool = False,
) -> list[Row]:
    """
    Return a row per folder: INBOX and all below it, then the others in alphabetical order.

    The rows show what the lines of lines() do, with *learnt* (what is stored of this mailbox) those that use it.
    """
    is_wanted = folder_filter.build_filter(learnt=learnt)
    names = learnt["names"] if learnt and learnt.get("names") else nametrans.PERSONAL if is_personal else None
    rename, _ = nametrans.build_nametrans(nametrans.merge(None, names) if names else None)

    def row(folder: Folder) -> Row:
        is_kept, verdict = is_wanted(folder.name), finding.verdicts[top(folder.name)]
        return Row(
            name=folder.name,
            unicode=decode(folder.name),
            kept=is_kept,
            rule="finding" if learnt is not None and verdict.is_mail != is_kept else verdict.rule,
            why=_why(folder, verdict, is_kept=is_kept, is_learnt=learnt is not None),
            kind=verdict.kind,
            languages=verdict.languages,
            local_name=decode(rename(folder.name)) if is_kept and folder.holds_messages else None,
            messages=counts.get(folder.name),
        )

    return [row(folder) for folder in sorted(folders, key=_order)]


def _order(folder: Folder) -> tuple[bool, list[str]]:
    parts = [key(part) for part in folder.name.split("/")]
    return parts[0] != "inbox", parts


def _why(folder: Folder, verdict: Verdict, *, is_kept: bool, is_learnt: bool) -> str:
    """Return in words why the filter keeps the folder or leaves it out."""
    if not folder.holds_messages:
        return "holds folders only"
    if top(folder.name) != folder.name and verdict.rule != "unknown":
        return f"as all below {_short(decode(top(folder.name)))}"
    reason = _REASONS[verdict.rule].format(kind=_kind(verdict))
    if verdict.is_mail == is_kept:
        return reason
    if is_learnt:
        return f"learned as {'mail' if is_kept else 'no mail'}, which may have changed: learn again"
    return f"{reason}: --learn {'leaves it out' if is_kept else 'keeps it'}"


def _kind(verdict: Verdict) -> str:
    codes = [*verdict.languages[:_MOST_LANGUAGES], *(["…"] if len(verdict.languages) > _MOST_LANGUAGES else [])]
    return (verdict.kind or "mail").replace("_", " ") + (f" ({', '.join(codes)})" if codes else "")


def lines(account: str, mailbox: str, *, is_learnt: bool, is_personal: bool = False) -> dict[str, str]:
    """Return the lines for .offlineimaprc: ``folderfilter``, and ``nametrans`` of both repositories."""
    arguments = f"account={_literal(account)}"
    if mailbox.lower() != account.lower():
        arguments += f", mailbox={_literal(mailbox)}"
    remote, local = "nametrans_remote", "nametrans_local"
    if is_learnt or is_personal:
        remote, local = (f"make_nametrans({arguments})[{side}]" for side in (0, 1))
    return {
        "folderfilter": f"folderfilter = {f'make_folderfilter({arguments})' if is_learnt else 'folderfilter'}",
        "nametrans_remote": f"nametrans = {remote}",
        "nametrans_local": f"nametrans = {local}",
    }


def as_table(rows: Sequence[Row], to_paste: Mapping[str, str]) -> list[str]:
    """Return the lines for a terminal; all text from the network is printable."""
    cells = [("FOLDER", "SYNCED", "WHY", "CALLED HERE", "MESSAGES")]
    for row in rows:
        messages = "-" if row.messages is None else str(row.messages)
        cells.append(
            (_short(row.unicode), "yes" if row.kept else "no", row.why, _short(row.local_name or "-"), messages)
        )
    return [
        *table.fitted(cells),
        "",
        "# for .offlineimaprc, in the section of the remote repository:",
        to_paste["folderfilter"],
        f"#{to_paste['nametrans_remote']}",
        "# and with that line, for a new Maildir only, in the section of the local one:",
        f"#{to_paste['nametrans_local']}",
    ]


def _literal(text: str) -> str:
    """Return *text* as Python in a ConfigParser's file: a per cent sign is doubled there."""
    return json.dumps(text, ensure_ascii=False).replace("%", "%%")


def _short(text: str) -> str:
    shown = errors.printable(text[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
