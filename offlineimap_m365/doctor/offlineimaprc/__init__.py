"""
``doctor --config``: what breaks in practice in an offlineimaprc, as findings and one diff that mends them.

The file is parsed into a document, rules edit the document, and the diff is between the two. Nothing is executed
without ``--run-config``, and the file itself is not changed.
"""

from __future__ import annotations

import difflib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Check, Diff, of_error
from offlineimap_m365.doctor.offlineimaprc import (
    folder_rules,
    live_rules,
    mailboxes,
    option_rules,
    own_pythonfile,
    structure,
    token_rules,
)
from offlineimap_m365.doctor.offlineimaprc.document import Document, unified_diff
from offlineimap_m365.doctor.offlineimaprc.findings import Review, hide_secrets, known_options, listed, show
from offlineimap_m365.plugin import log_redaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Subject
    from offlineimap_m365.doctor.offlineimaprc.document import Section
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Known, Mailbox

#: An edit can show what it hid: a mended header shows the options below it. Three passes are the most seen.
_MOST_PASSES = 6
#: Option names that people write for OfflineIMAP's, from other programs.
_OTHER_NAMES = {
    "port": "remoteport",
    "host": "remotehost",
    "server": "remotehost",
    "user": "remoteuser",
    "username": "remoteuser",
}


#: Bytes: what ``config`` prints for 500 mailboxes has one megabyte.
_LARGEST = 4 << 20
_AGAIN = f"{errors.COMMAND} doctor --config ~/.offlineimaprc"
#: Files of other programs, by what their names contain.
_PROGRAMS = {"msmtp": "msmtp", "mbsync": "mbsync", "isync": "mbsync", "mutt": "mutt", "fetchmail": "fetchmail"}


def usual_file() -> Path | None:
    """Return the file that OfflineIMAP reads if it is told none (init.py of 8.0.3), None if there is none."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
    paths = [os.path.join(config, "offlineimap", "config"), os.path.expanduser("~/.offlineimaprc")]  # noqa: PTH111, PTH118
    return next((Path(path) for path in paths if os.path.lexists(path)), None)


def examine(path: Path, subjects: Sequence[Subject], *, run: bool, offline: bool) -> Iterator[Check]:
    """
    Yield what is wrong with the file *path*; the last check that the diff mends carries the diff.

    *subjects* are the accounts that were examined before. *run*: the file's own Python may be run.
    """
    try:
        content = safe_file.read(str(path), most_bytes=_LARGEST)
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield _unreadable(path, "is not UTF-8, which OfflineIMAP reads", line)
        return
    except (OSError, ValueError) as error:
        yield _unreadable(path, f"cannot be read ({getattr(error, 'strerror', None) or 'no such name'})")
        return
    except errors.M365Error as error:
        yield of_error("config-file", error)
        return
    review = Review(path, Document(text))
    if not _is_offlineimaprc(review):
        yield _of_another_program(path)
        return
    yield from _mode(path)
    known = mailboxes.Known.here()
    boxes = _mend(review, known)
    live_rules.check(review, boxes, subjects, run=run, offline=offline)
    tried = [finding for finding in review.findings if not finding.is_mended]
    boxes = _mend(review, known)
    review.findings = list(dict.fromkeys([*review.findings, *tried]))
    yield from _checks(review, boxes, " --run-config" if run else "")


def _mend(review: Review, known: Known) -> list[Mailbox]:
    """Apply the rules until none of them changes anything; return the mailboxes."""
    for _ in range(_MOST_PASSES):
        before = review.texts()
        review.begin_pass()
        boxes = _one_pass(review, known)
        if review.texts() == before:
            break
    return boxes


def _one_pass(review: Review, known: Known) -> list[Mailbox]:
    structure.mend(review)
    general = review.document.section("general")
    boxes = mailboxes.find(review, known)
    sections = dict.fromkeys(section for box in boxes for section in (box.section, box.local, box.remote))
    for section in [*([general] if general else []), *sections]:
        _misspelt_options(review, section)
    for remote in dict.fromkeys(box.remote for box in boxes):
        token_rules.user(review, remote, known)
    for section in [*([general] if general else []), *sections]:
        structure.unresolved(review, section)
    boxes = mailboxes.find(review, known)
    names = own_pythonfile.read(review)
    for box in boxes:
        option_rules.check(review, box)
        token_rules.check(review, box, known, names)
        folder_rules.check(review, box, names)
    folder_rules.same_maildir(review, boxes)
    if boxes:
        own_pythonfile.mend(review, names)
        _secret_comments(review)
        _timeout(review)
    for section in mailboxes.unlisted(review, known):
        reason = "OfflineIMAP does not sync this account"
        review.note("config-accounts", section.line, section.name, "is not in accounts = of [general]", reason)
    return boxes


def _misspelt_options(review: Review, section: Section) -> None:
    """Mend the name of an option that OfflineIMAP does not know and that is like one that it knows."""
    text = review.document.text()
    for part in section.options:
        if part.name in known_options() or f"%({part.name})s" in text:
            continue
        close = difflib.get_close_matches(part.name, known_options(), 1, 0.8)
        right = _OTHER_NAMES.get(part.name) or next(iter(close), None)
        if right and section.option(right) is None:
            old = part.name
            section.rename(part, right)
            review.mended("config-option", part.line, old, "is no option of OfflineIMAP", f"{right} is meant")


def _secret_comments(review: Review) -> None:
    """Remove comments that still hold a token: a line that was switched off can be read like any other."""
    for section in review.document.sections:
        for part in [
            part for part in section.parts if not part.name and log_redaction.clean(part.lines[0]) != part.lines[0]
        ]:
            section.parts.remove(part)
            reason = "who can read the file can use it"
            review.mended("config-secret", part.line, "comment", "holds a token or another secret", reason)


def _timeout(review: Review) -> None:
    general = review.document.section("general")
    if general is not None and review.document.find(general, "socktimeout") is None:
        reason = "a server that stops answering can stop OfflineIMAP for 15 minutes; socktimeout = 60 prevents that"
        review.note("config-socktimeout", general.line, "socktimeout", "is missing", reason)


def _checks(review: Review, boxes: Sequence[Mailbox], options: str) -> Iterator[Check]:
    """Yield the findings in the order of the file, then what is synced if nothing is wrong."""
    findings = sorted(review.findings, key=lambda finding: (finding.path != review.path, finding.line or 0))
    diff = _diff(review, options)
    for finding in findings:
        remedy = Remedy("", diff.command) if finding.is_mended else finding.remedy
        yield Check(
            finding.name,
            ok=finding.ok,
            meaning=finding.text,
            remedy=remedy,
            account=finding.account,
            file=str(finding.path),
            line=finding.line,
            diff=diff if finding.is_mended else None,
        )
    if not any(finding.ok is False for finding in findings):
        yield _all_well(review, boxes)


def _diff(review: Review, options: str) -> Diff:
    """Return all edits, of the file and of the pythonfile, as one diff."""
    files = {review.path: (review.document.original, review.document.text()), **review.other_files}
    texts = [unified_diff(os.path.realpath(path), old, new) for path, (old, new) in files.items()]
    shown = [unified_diff(os.path.realpath(path), *map(hide_secrets, pair)) for path, pair in files.items()]
    target = errors.quoted(os.path.realpath(review.path))
    patch = f"patch {target}" if not review.other_files else "patch -d / -p1"
    command = f"{errors.COMMAND} doctor --config {errors.quoted(str(review.path))}{options} --diff | {patch}"
    return Diff("".join(texts), "".join(shown), command)


def _all_well(review: Review, boxes: Sequence[Mailbox]) -> Check:
    document = review.document
    if not boxes:
        said = "No account in this file is a mailbox of Microsoft 365 or outlook.com"
        return Check("config", ok=True, meaning=said, file=str(review.path))
    names = [f"{show(box.address)} ({show(box.name)})" for box in boxes]
    readonly = any(option_rules.flag(document.get(box.remote, "readonly"), otherwise=False) for box in boxes)
    note = "; nothing is changed on the server (readonly)" if readonly else ""
    return Check("config", ok=True, meaning=f"It syncs {listed(names, 10)}{note}", file=str(review.path))


def _is_offlineimaprc(review: Review) -> bool:
    """Does it have a section as OfflineIMAP looks for, perhaps misspelt?"""
    headers = [structure.respelt(section.name) for section in review.document.sections]
    return any(header == "general" or header.startswith(("Account ", "Repository ")) for header in headers)


def _of_another_program(path: Path) -> Check:
    program = next((name for part, name in _PROGRAMS.items() if part in path.name), "")
    said = f"{path} is not a file of OfflineIMAP's: it has no [general], [Account …] or [Repository …]"
    if program:
        said += f". It looks like a file of {program}"
    remedy = Remedy("--config takes the file that OfflineIMAP reads", _AGAIN)
    return Check("config-file", ok=False, meaning=said, remedy=remedy, file=str(path))


def _unreadable(path: Path, why: str, line: int | None = None) -> Check:
    name = errors.quoted(str(path))
    remedy = Remedy("Make a new one", f"{errors.COMMAND} config >{name} && chmod 600 {name}")
    if line is not None:
        remedy = Remedy("Save it as UTF-8 in an editor")
    return Check("config-file", ok=False, meaning=f"{path} {why}", remedy=remedy, file=str(path), line=line)


def _mode(path: Path) -> Iterator[Check]:
    """Others must not read the file or change it: OfflineIMAP runs the Python that it names."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        said = f"Other users can {'change' if mode & 0o022 else 'read'} this file (mode {mode:04o})"
        remedy = Remedy("", f"chmod 600 {errors.quoted(str(path))}")
        yield Check("config-mode", ok=False, meaning=said, remedy=remedy, file=str(path))
