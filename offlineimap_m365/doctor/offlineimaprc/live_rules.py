"""
What only the server and OfflineIMAP's own Python can tell: whether the mailbox opens, and what the lines really do.

With ``--run-config`` the user's own Python is run by the interpreter that runs OfflineIMAP, on the folders of the
mailbox. What it prints is thrown away. Only names of folders and the kind of an error come back.
"""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base import errors, process
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.mail import mailbox_refused, server_attempt
from offlineimap_m365.doctor.mail.server_attempt import IMAP_STAGES
from offlineimap_m365.doctor.offlineimaprc import python_lines
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, listed, show
from offlineimap_m365.doctor.offlineimaprc.folder_rules import suggested
from offlineimap_m365.doctor.offlineimaprc.mailboxes import TOKEN_LINE
from offlineimap_m365.doctor.offlineimaprc.python_lines import expanded
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.recipes import template_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.check import Subject
    from offlineimap_m365.doctor.mail.server_attempt import Attempt
    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox

#: Seconds to connect.
_CONNECT_SECONDS = 5.0
#: What a mailbox lists that nobody looked at: work (contract §2 and the folders of Exchange), and personal.
_WORK = "INBOX,Archive,Calendar,Contacts,Deleted Items,Drafts,Journal,Junk Email,Notes,Outbox,Sent Items,Tasks"
_PERSONAL = "Inbox,Archive,Deleted,Drafts,Junk,Notes,Outbox,Sent"
#: Seconds for the whole run; a pythonfile may ask for tokens, each of which may need a refresh.
_SECONDS = 20.0
_CHILD = Path(__file__).with_name("run_child.py")
#: What the child calls the nametrans of the Maildir.
_BACK = "nametrans_back"


def check(review: Review, boxes: Sequence[Mailbox], subjects: Sequence[Subject], *, run: bool, offline: bool) -> None:
    """Open the mailboxes of the accounts that were examined, and try the lines on their folders if *run* is set."""
    by_name = {subject.name.lower(): subject for subject in subjects if not subject.offline}
    folders: dict[str, list[str]] = {}
    for box in boxes:
        subject = by_name.get(box.account.name.lower())
        attempt: Attempt | None = subject.notes.get("imap") if subject else None
        if subject is None or subject.token is None or attempt is None or attempt.stage in IMAP_STAGES[:-1]:
            continue  # not asked for, or it cannot succeed
        if attempt.user.lower() != box.address.lower():  # at the account's own host, never one that the file names
            attempt = server_attempt.make("imap", subject.profile, box.address, subject.token.value)
        if not attempt.stage:
            folders[box.name] = [folder.name for folder in attempt.folders if folder.holds_messages]
            _check_certificates(box)
        elif attempt.is_refused and attempt.user.lower() != subject.mailbox.lower():
            _report_refused(box, attempt, subject.token.value)
    if run and boxes:
        _run_lines(review, boxes, folders, offline=offline)


def _report_refused(box: Mailbox, attempt: Attempt, token: str) -> None:
    name = box.account.name
    again = f"{errors.COMMAND} doctor {errors.quoted(name)} --config {errors.quoted(str(box.review.path))}"
    trouble = mailbox_refused.find_cause(box.account, token, attempt, again)
    fact = f"{name} cannot open {show(box.address)}; {trouble.meaning}"
    box.review.report(box.remote, "remoteuser", fact, trouble.remedy)


def _check_certificates(box: Mailbox) -> None:
    """Does the file of certificates trust the server, which the system's certificates trust?"""
    value = box.document.get(box.remote, "sslcacertfile") or ""
    right = template_values.certificates()
    if value == "OS-DEFAULT" or right is None or expanded(value).samefile(right):
        return
    context = ssl.create_default_context(cafile=str(expanded(value)))
    host, _, port = box.account.imap.rpartition(":")
    host = host.strip("[]")
    try:
        with (
            socket.create_connection((host, int(port)), _CONNECT_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host),
        ):
            return
    except ssl.SSLCertVerificationError:
        reason = f"it does not trust the certificate of {host}"
        box.review.set(box.remote, "sslcacertfile", as_value(right), reason)
    except OSError:
        return


def _run_lines(review: Review, boxes: Sequence[Mailbox], live: dict[str, list[str]], *, offline: bool) -> None:
    """Try the lines of *boxes* on the folders that are *live*, or on the usual ones."""
    python, path = python_lines.interpreter(), boxes[0].names.path
    if python is None or review.other_files:
        why = "the Python of OfflineIMAP was not found" if python is None else "apply the diff first"
        review.report(review.general, "--run-config", f"nothing was run: {why}")
        return
    folders = [live.get(box.name) or (_PERSONAL if box.account.is_personal else _WORK).split(",") for box in boxes]
    questions = [_question(box, there, offline=offline) for box, there in zip(boxes, folders, strict=True)]
    stdin = json.dumps({"pythonfile": str(path) if path else None, "boxes": questions}).encode()
    result = process.run([python, "-B", str(_CHILD)], stdin=stdin, seconds=_SECONDS, cwd="/")
    try:
        answer = json.loads(result.out)
    except ValueError:
        answer = {"error": f"gives no answer ({result.ended})"}
    if answer["error"]:
        fact = f"{answer['error']} under {python}, which runs OfflineIMAP"
        review.report(review.general, "pythonfile", fact, Remedy("Correct the pythonfile"))
        return
    for box, there, told in zip(boxes, folders, answer["boxes"], strict=True):
        _judge_errors(box, told["errors"])
        if "folderfilter" not in told["errors"]:
            _judge_filter(box, there, told["kept"])
        if told["renamed"] is not None:
            _judge_renaming(box, told["renamed"])


def _question(box: Mailbox, folders: Sequence[str], *, offline: bool) -> dict[str, Any]:
    get = box.document.get
    return {
        TOKEN_LINE: None if offline else get(box.remote, TOKEN_LINE),
        "folderfilter": get(box.remote, "folderfilter"),
        "nametrans": get(box.remote, "nametrans"),
        _BACK: get(box.local, "nametrans"),
        "names": folders,
        "sep": get(box.local, "sep") or ".",
    }


def _judge_errors(box: Mailbox, raised: dict[str, str]) -> None:
    """Report the lines that raise; a folderfilter that does is replaced by ours where nothing hides that."""
    for which, error in raised.items():
        section, option = (box.local, "nametrans") if which == _BACK else (box.remote, which)
        hidden = sorted(python_lines.used(box.document.get(section, option) or "") & box.names.own)
        fact = f"{error}; {hidden[0]} is the pythonfile's own, which hides ours" if hidden else error
        if option == "folderfilter" and not hidden:
            box.review.set(section, option, suggested(box, option), "OfflineIMAP cannot use it", fact)
        else:
            box.review.report(section, option, fact, Remedy("Correct this line, or the function that it calls"))


def _judge_filter(box: Mailbox, names: Sequence[str], kept: Sequence[str]) -> None:
    """Replace a folderfilter that loses INBOX; let ours agree with one that keeps what is no mail."""
    text = box.document.get(box.remote, "folderfilter") or ""
    best = folder_filter.build_filter(learnt=box.account.mailboxes.get(learned.key(box.address)))
    lost = [name for name in names if name.lower() == "inbox" and name not in kept]
    wrong = [name for name in kept if not best(name) and name not in text]
    if lost:
        right = suggested(box, "folderfilter")
        box.review.set(box.remote, "folderfilter", right, "new mail would not be synced", f"leaves out {lost[0]}")
    elif wrong and "make_folderfilter" not in text:
        right = as_value(f"make_folderfilter(also={text})")
        box.review.set(box.remote, "folderfilter", right, "these hold no mail", f"keeps {listed(wrong)}")


def _judge_renaming(box: Mailbox, renamed: Sequence[Sequence[str]]) -> None:
    """Each folder must come back to its name, or OfflineIMAP makes a new one on the server."""
    here = [local for _, local, _ in renamed]
    twins = [name for name, local, _ in renamed if here.count(local) > 1]
    astray = [(name, back) for name, _, back in renamed if back != name]
    if twins:
        fact = f"gives the same name to {listed(twins)}, so OfflineIMAP mixes their mail"
        box.review.report(box.remote, "nametrans", fact, Remedy("Give each folder a name of its own"))
    elif astray and (box.document.get(box.remote, "readonly") or "no").lower() not in ("yes", "true", "on", "1"):
        sep = box.document.get(box.local, "sep") or "."
        inverse = {local.replace("/", sep): name.replace("/", sep) for name, local, _ in renamed if local != name}
        fact = f"turns {show(astray[0][0])} into {show(astray[0][1])} on the way back"
        right = as_value(f"lambda name: {inverse!r}.get(name, name)")
        box.review.set(box.local, "nametrans", right, "OfflineIMAP would make that folder on the server", fact)
