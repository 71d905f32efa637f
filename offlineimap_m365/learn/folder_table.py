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

#: What the kinds are called; others by their names in the table.
_KINDS = {
    "sent_items": "sent mail",
    "deleted_items": "deleted mail",
    "junk_email": "junk mail",
    "rss_feeds": "RSS feeds",
    "external_contacts": "contacts from elsewhere",
}
#: More of a name is not shown in a table.
_LONGEST = 60


@dataclasses.dataclass(frozen=True)
class Row:
    """
    One folder, with the field names of ``folders --json``.

    *name* as the server spells it, *unicode* as people read it; *kept*: does the filter keep it? *rule* as in
    learning.Verdict, or ``finding`` (it was found out earlier); *why* in words; *messages* None where not known.
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
    found: Sequence[Folder], finding: Finding, learnt: Mapping[str, Any] | None, counts: Mapping[str, int]
) -> list[Row]:
    """
    Return a row per folder: INBOX and all below it, then the others as one would look them up.

    What is shown is what the filter and the renaming do that the lines of lines() make, so with *learnt* (what is kept
    of this mailbox) those that use it.
    """
    is_wanted = folder_filter.build_filter(learnt=learnt)
    rename, _ = nametrans.build_nametrans(
        nametrans.merge(None, learnt["names"]) if learnt and learnt.get("names") else None
    )
    made = []
    for folder in sorted(found, key=_order):
        is_kept = is_wanted(folder.name)
        verdict = finding.verdicts[top(folder.name)]
        made.append(
            Row(
                name=folder.name,
                unicode=decode(folder.name),
                kept=is_kept,
                rule=verdict.rule if verdict.is_mail == is_kept else "finding" if learnt else "ambiguous",
                why=_why(folder, verdict, is_kept=is_kept, is_learnt=learnt is not None),
                kind=verdict.kind,
                languages=verdict.languages,
                local_name=decode(rename(folder.name)) if is_kept and folder.holds_messages else None,
                messages=counts.get(folder.name),
            )
        )
    return made


def _order(folder: Folder) -> tuple[bool, list[str]]:
    parts = [key(part) for part in folder.name.split("/")]
    return parts[0] != "inbox", parts


def lines(account: str, mailbox: str, *, is_learnt: bool) -> dict[str, str]:
    """Return what belongs into .offlineimaprc: ``folderfilter``, and ``nametrans`` of both repositories."""
    if not is_learnt:
        return {
            "folderfilter": "folderfilter = folderfilter",
            "nametrans_remote": "nametrans = nametrans_remote",
            "nametrans_local": "nametrans = nametrans_local",
        }
    whose = f"account={_literal(account)}"
    if mailbox.lower() != account.lower():
        whose += f", mailbox={_literal(mailbox)}"
    return {
        "folderfilter": f"folderfilter = make_folderfilter({whose})",
        "nametrans_remote": f"nametrans = make_nametrans({whose})[0]",
        "nametrans_local": f"nametrans = make_nametrans({whose})[1]",
    }


def as_table(found: Sequence[Row], to_paste: Mapping[str, str]) -> list[str]:
    """Return the lines for a terminal; all text from the network is printable."""
    cells = [("FOLDER", "SYNCED", "WHY", "CALLED HERE", "MESSAGES")]
    cells += [
        (
            _short(row.unicode),
            "yes" if row.kept else "no",
            row.why,
            _short(row.local_name or "-"),
            "-" if row.messages is None else str(row.messages),
        )
        for row in found
    ]
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
    shown = errors.printable(text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _why(folder: Folder, verdict: Verdict, *, is_kept: bool, is_learnt: bool) -> str:
    """Return in words why the filter keeps the folder or leaves it out."""
    if not folder.holds_messages:
        return "holds folders only"
    if top(folder.name) != folder.name and verdict.rule != "unknown":
        return f"as all below {_short(decode(top(folder.name)))}"
    if verdict.is_mail != is_kept:
        return _against(verdict, is_kept=is_kept, is_learnt=is_learnt)
    what = _what(verdict)
    texts = {
        "inbox": "INBOX is always kept",
        "name": what,
        "language": f"{what}, in this mailbox's language",
        "number": f"{what} under a number" if not is_kept else f"like {what} with a number; its messages do not say so",
        "messages": f"named like {what}, but mail came into it",
        "ambiguous": f"{what}, but an ordinary word elsewhere",
        "mail": what,
        "unknown": "a folder like any other",
    }
    return texts[verdict.rule]


def _against(verdict: Verdict, *, is_kept: bool, is_learnt: bool) -> str:
    """Return why the filter does something else than the look at the whole mailbox would."""
    if is_learnt:
        return f"learnt as {'mail' if is_kept else 'no mail'}, which it may not be any more: learn again"
    if is_kept:
        return f"{_what(verdict)}, but an ordinary word elsewhere: --learn leaves it out"
    return f"named like {_what(verdict)}, but mail came into it: --learn keeps it"


def _what(verdict: Verdict) -> str:
    kind = verdict.kind or "mail"
    codes = list(verdict.languages[:4]) + (["…"] if len(verdict.languages) > 4 else [])  # noqa: PLR2004 - one line
    return _KINDS.get(kind, kind.replace("_", " ")) + (f" ({', '.join(codes)})" if codes else "")
