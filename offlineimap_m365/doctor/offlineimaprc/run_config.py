"""
``--run-config``: the user's own Python, run by the interpreter that runs OfflineIMAP, on the folders of the mailbox.

What it prints is thrown away. Only names of folders and the kind of an error come back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import process
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.offlineimaprc import eval_lines, own_pythonfile
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, listed, show
from offlineimap_m365.doctor.offlineimaprc.mailboxes import TOKEN_LINE
from offlineimap_m365.doctor.offlineimaprc.option_rules import flag, folder_line
from offlineimap_m365.folders import folder_filter, learned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox

#: What a mailbox lists that nobody looked at: work (contract §2 and the folders of Exchange), and personal.
_WORK = ("INBOX", "Archive", "Calendar", "Contacts", "Deleted Items", "Drafts", "Journal", "Junk Email", "Notes")
WORK = (*_WORK, "Outbox", "Sent Items", "Tasks")
PERSONAL = ("Inbox", "Archive", "Deleted", "Drafts", "Junk", "Notes", "Outbox", "Sent")
#: Seconds for the whole run; a pythonfile may ask for tokens, each of which may need a refresh.
_SECONDS = 20.0
_CHILD = Path(__file__).with_name("run_child.py")


def check(review: Review, boxes: Sequence[Mailbox], live: dict[str, list[str]], *, offline: bool) -> None:
    """Try the lines of *boxes* on the folders that are *live*, or on the usual ones."""
    names = own_pythonfile.read(review)
    python = own_pythonfile.interpreter()
    if python is None or review.other_files:
        why = "the Python of OfflineIMAP was not found" if python is None else "apply the diff first"
        review.note(1, "--run-config", f"nothing was run: {why}")
        return
    questions = [_question(review, box, live.get(box.name), offline=offline) for box in boxes]
    answer = _run(python, {"pythonfile": str(names.path) if names.path else None, "boxes": questions})
    if answer["error"]:
        fact = f"{answer['error']} under {python}, which runs OfflineIMAP"
        review.report(1, "pythonfile", fact, Remedy("Correct the pythonfile"))
        return
    for box, told in zip(boxes, answer["boxes"], strict=True):
        _errors(review, box, told["errors"], names.own & eval_lines.OURS)
        if "filter" not in told["errors"]:
            _filter(review, box, live.get(box.name) or _usual(box), told["kept"])
        if told["renamed"] is not None:
            _renaming(review, box, told["renamed"])


def _usual(box: Mailbox) -> list[str]:
    return list(PERSONAL if box.account.is_personal else WORK)


def _question(review: Review, box: Mailbox, folders: list[str] | None, *, offline: bool) -> dict[str, Any]:
    get = review.document.get
    return {
        "token": None if offline else get(box.remote, TOKEN_LINE),
        "filter": get(box.remote, "folderfilter"),
        "remote": get(box.remote, "nametrans"),
        "local": get(box.local, "nametrans"),
        "names": folders or _usual(box),
        "sep": get(box.local, "sep") or ".",
    }


def _run(python: str, question: dict[str, Any]) -> dict[str, Any]:
    """Return the child's answer; its *error* is why there is none."""
    result = process.run([python, "-B", str(_CHILD)], stdin=json.dumps(question).encode(), seconds=_SECONDS, cwd="/")
    try:
        answer: dict[str, Any] = json.loads(result.out)
    except ValueError:
        return {"error": f"gives no answer ({result.ended})"}
    return answer


def _errors(review: Review, box: Mailbox, raised: dict[str, str], hidden: frozenset[str]) -> None:
    """Report the lines that raise; a folderfilter that does is replaced."""
    options = {"token": TOKEN_LINE, "filter": "folderfilter", "remote": "nametrans", "local": "nametrans"}
    for which, error in raised.items():
        section, option = box.local if which == "local" else box.remote, options[which]
        part = review.document.find(section, option)
        own = sorted(hidden & eval_lines.used(part.raw)) if part else []
        fact = f"{error}; {own[0]} is the pythonfile's own, which hides ours" if own else error
        if which == "filter":
            review.set(section, option, folder_line(box, option), "OfflineIMAP cannot use it", fact)
        else:
            review.report(part.line if part else 1, option, fact, Remedy("Correct this line, or what it calls"))


def _filter(review: Review, box: Mailbox, names: Sequence[str], kept: Sequence[str]) -> None:
    """Replace a folderfilter that loses INBOX; let ours agree with one that keeps what is no mail."""
    text = review.document.get(box.remote, "folderfilter") or ""
    best = folder_filter.build_filter(learnt=box.account.mailboxes.get(learned.key(box.address)))
    lost = [name for name in names if name.lower() == "inbox" and name not in kept]
    wrong = [name for name in kept if not best(name) and name not in text]
    if lost:
        right = folder_line(box, "folderfilter")
        review.set(box.remote, "folderfilter", right, "new mail would not be synced", f"leaves out {lost[0]}")
    elif wrong and "make_folderfilter" not in text:
        right = as_value(f"make_folderfilter(also={text})")
        review.set(box.remote, "folderfilter", right, "these hold no mail", f"keeps {listed(wrong)}")


def _renaming(review: Review, box: Mailbox, renamed: Sequence[Sequence[str]]) -> None:
    """Each folder must come back to its name, or OfflineIMAP makes a new one on the server."""
    here: dict[str, str] = {}
    twins = [(here[local], name) for name, local, _ in renamed if here.setdefault(local, name) != name]
    astray = [(name, back) for name, _, back in renamed if back != name]
    part = review.document.find(box.remote, "nametrans") or review.document.find(box.local, "nametrans")
    if twins and part is not None:
        fact = f"gives {listed(twins[0])} the same name, so OfflineIMAP mixes their mail"
        review.report(part.line, "nametrans", fact, Remedy("Give each folder a name of its own"))
    elif astray and not flag(review.document.get(box.remote, "readonly"), otherwise=False):
        sep = review.document.get(box.local, "sep") or "."
        inverse = {local.replace("/", sep): name.replace("/", sep) for name, local, _ in renamed if local != name}
        fact = f"turns {show(astray[0][0])} into {show(astray[0][1])} on the way back"
        right = as_value(f"lambda name: {inverse!r}.get(name, name)")
        review.set(box.local, "nametrans", right, "OfflineIMAP would make that folder on the server", fact)
