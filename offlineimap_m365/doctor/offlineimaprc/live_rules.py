"""
What only the server and OfflineIMAP's own Python can tell: whether the mailbox opens, and what the lines really do.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.mail import mailbox_refused, server_attempt
from offlineimap_m365.doctor.mail.server_attempt import IMAP_STAGES
from offlineimap_m365.doctor.offlineimaprc import run_config
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, show
from offlineimap_m365.doctor.offlineimaprc.option_rules import expanded
from offlineimap_m365.recipes import template_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.doctor.check import Subject
    from offlineimap_m365.doctor.mail.server_attempt import Attempt
    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Mailbox

_SECONDS = 5.0


def check(review: Review, boxes: Sequence[Mailbox], subjects: Sequence[Subject], *, run: bool, offline: bool) -> None:
    """Open the mailboxes of the accounts that were examined, and try the lines on their folders if *run* is set."""
    by_name = {subject.name.lower(): subject for subject in subjects if not subject.offline}
    live: dict[str, list[str]] = {}
    for box in boxes:
        subject = by_name.get(box.account.name.lower())
        attempt = _open(box, subject) if subject is not None else None
        if subject is None or subject.token is None or attempt is None:
            continue
        if not attempt.stage:
            live[box.name] = [folder.name for folder in attempt.folders if folder.holds_messages]
            _certificates(review, box)
        elif attempt.is_refused and attempt.user.lower() != subject.mailbox.lower():
            _refused(review, box, attempt, subject.token.value)
    if run and boxes:
        run_config.check(review, boxes, live, offline=offline)


def _open(box: Mailbox, subject: Subject) -> Attempt | None:
    """Open the mailbox at the account's own host, never at one that the file names; None if that cannot succeed."""
    attempt: Attempt | None = subject.notes.get("imap")
    if attempt is None or subject.token is None or attempt.stage in IMAP_STAGES[:-1]:
        return None
    is_same = attempt.user.lower() == box.address.lower()
    return attempt if is_same else server_attempt.make("imap", subject.profile, box.address, subject.token.value)


def _refused(review: Review, box: Mailbox, attempt: Attempt, token: str) -> None:
    name = box.account.name
    again = f"{errors.COMMAND} doctor {errors.quoted(name)} --config {errors.quoted(str(review.path))}"
    trouble = mailbox_refused.find_cause(box.account, token, attempt, again)
    line = (review.document.find(box.remote, "remoteuser") or box.remote).line
    fact = f"{name} cannot open {show(box.address)}; {trouble.meaning}"
    review.report(line, "remoteuser", fact, trouble.remedy)


def _certificates(review: Review, box: Mailbox) -> None:
    """Does the file of certificates trust the server, which the system's certificates trust?"""
    value = review.document.get(box.remote, "sslcacertfile") or ""
    right = template_values.certificates()
    host, _, port = box.account.imap.rpartition(":")
    if value == "OS-DEFAULT" or right is None or expanded(value).samefile(right):
        return
    context = ssl.create_default_context(cafile=str(expanded(value)))
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), _SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host.strip("[]")),
        ):
            return
    except ssl.SSLCertVerificationError:
        reason = f"it does not trust the certificate of {host}"
        review.set(box.remote, "sslcacertfile", as_value(right), reason)
    except OSError:
        return
