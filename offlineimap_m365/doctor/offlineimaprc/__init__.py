"""
``doctor --config``: what breaks in practice in an offlineimaprc, as findings and one diff that mends them.

The file is read into a document, a table of rules edits it, and the diff is between before and after. Nothing is
executed without ``--run-config``, and the file itself is not changed.
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Check, Diff, of_error
from offlineimap_m365.doctor.offlineimaprc import folder_rules, live_rules, mailboxes, python_lines, rules, structure
from offlineimap_m365.doctor.offlineimaprc.document import unified_diff
from offlineimap_m365.doctor.offlineimaprc.findings import Review, hide_secrets, listed
from offlineimap_m365.doctor.offlineimaprc.reader import respelled
from offlineimap_m365.plugin import log_redaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Subject
    from offlineimap_m365.doctor.offlineimaprc.mailboxes import Known, Mailbox

#: An edit can show what it hid: a mended header shows the options below it. Three passes are the most seen.
_MOST_PASSES = 6
#: Bytes: what ``config`` prints for 500 mailboxes has one megabyte.
_LARGEST = 4 << 20
#: Files of other programs, by what their names contain.
_PROGRAMS = {"msmtp": "msmtp", "mbsync": "mbsync", "isync": "mbsync", "mutt": "mutt", "fetchmail": "fetchmail"}


def usual_file() -> Path | None:
    """Return the file that OfflineIMAP reads if it is told none (init.py of 8.0.3), None if there is none."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
    paths = [os.path.join(config, "offlineimap", "config"), os.path.expanduser("~/.offlineimaprc")]  # noqa: PTH111, PTH118
    return next((Path(path) for path in paths if os.path.lexists(path)), None)


def examine(path: Path, subjects: Sequence[Subject], *, run: bool, offline: bool) -> Iterator[Check]:
    """
    Yield what is wrong with the file *path*; each check that the diff mends carries the diff.

    *subjects* are the accounts that were checked before. *run*: the file's own Python may be run.
    """
    try:
        text = safe_file.read(str(path), most_bytes=_LARGEST).decode("utf-8")
    except FileNotFoundError:
        name = errors.quoted(str(path))
        remedy = Remedy("Make a new one", f"{errors.COMMAND} config >{name} && chmod 600 {name}")
        yield _unusable(path, f"{path} does not exist", remedy)
        return
    except ValueError as error:  # also a NUL in the name
        line = error.object.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else None
        meaning = f"{path} is not a file in UTF-8, which OfflineIMAP reads"
        yield _unusable(path, meaning, Remedy("Save it as UTF-8 in an editor"), line)
        return
    except errors.M365Error as error:
        yield of_error("config-file", error)
        return
    if not _is_offlineimaprc(text):
        program = next((name for part, name in _PROGRAMS.items() if part in path.name), "")
        looks = f". It looks like a file of {program}" if program else ""
        meaning = f"{path} is not a file of OfflineIMAP's: it has no [general], [Account …] or [Repository …]{looks}"
        again = f"{errors.COMMAND} doctor --config ~/.offlineimaprc"
        yield _unusable(path, meaning, Remedy("--config takes the file that OfflineIMAP reads", again))
        return
    yield from _mode(path)
    review = Review(path, text)
    known = mailboxes.Known.here()
    boxes = _mend(review, known)
    live_rules.check(review, boxes, subjects, run=run, offline=offline)
    tried = review.others
    boxes = _mend(review, known)
    review.others = list(dict.fromkeys([*review.others, *tried]))
    yield from _checks(review, boxes, " --run-config" * run + " --offline" * offline)


def _unusable(path: Path, meaning: str, remedy: Remedy, line: int | None = None) -> Check:
    return Check("config-file", ok=False, meaning=meaning, remedy=remedy, file=str(path), line=line)


def _is_offlineimaprc(text: str) -> bool:
    """Does it have a section as OfflineIMAP looks for, perhaps misspelt?"""
    headers = re.findall(r"(?m)^\s*\[+\s*([^\]\n]+)", text)
    return any(re.match(r"general$|Account |Repository ", respelled(header.strip())) for header in headers)


def _mode(path: Path) -> Iterator[Check]:
    """Others must not read the file or change it: OfflineIMAP runs the Python that it names."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        said = f"Other users can {'change' if mode & 0o022 else 'read'} this file (mode {mode:04o})"
        remedy = Remedy("", f"chmod 600 {errors.quoted(str(path))}")
        yield Check("config-mode", ok=False, meaning=said, remedy=remedy, file=str(path))


def _mend(review: Review, known: Known) -> list[Mailbox]:
    """Apply the rules until none of them changes anything; return the mailboxes."""
    boxes: list[Mailbox] = []
    for _ in range(_MOST_PASSES):
        before = review.document.text(), dict(review.other_files)
        review.others = []
        boxes = _apply_rules(review, known)
        if (review.document.text(), review.other_files) == before:
            break
    return boxes


def _apply_rules(review: Review, known: Known) -> list[Mailbox]:
    structure.mend_sections(review)
    structure.mend_accounts(review)
    structure.mend_repositories(review)
    general = review.general
    structure.mend_options(review, general)
    names = python_lines.read_pythonfile(review)
    boxes, unlisted = mailboxes.find(review, known, names)
    for section in dict.fromkeys(one for box in boxes for one in (box.account_section, box.local, box.remote)):
        structure.mend_options(review, section)
    for box in boxes:
        rules.mend(box)
    folder_rules.mend_swapped(boxes)
    folder_rules.mend_same_maildir(boxes)
    if boxes:
        python_lines.mend_pythonfile(review, names)
        _remove_secret_comments(review)
    if boxes and review.document.find(general, "socktimeout") is None:
        fact = "is missing; with socktimeout = 60 a server that stops answering cannot stop OfflineIMAP for 15 minutes"
        review.report(general, "socktimeout", fact)
    for section in unlisted:
        review.report(section, f"[{section.name}]", "is not in accounts = of [general], so it is not synced")
    return boxes


def _remove_secret_comments(review: Review) -> None:
    """Remove comments that still hold a token: a line that was switched off can be read like any other."""
    for section in review.document.sections:
        for part in [part for part in section.parts if not part.name]:
            if log_redaction.clean(part.lines[0]) != part.lines[0]:
                section.parts.remove(part)
                review.edited(part.line, "comment", "holds a token or another secret", "who can read it can use it")


def _checks(review: Review, boxes: Sequence[Mailbox], options: str) -> Iterator[Check]:
    """Yield the findings in the order of the file, then what is synced if nothing is wrong."""
    diff = _diff(review, options)
    mended = [dataclasses.replace(check, diff=diff, remedy=Remedy("", diff.command)) for check in review.mended]
    checks = [*mended, *review.others]
    yield from sorted(checks, key=lambda check: (check.file != str(review.path), check.line or 0))
    if any(check.ok is False for check in checks):
        return
    said = "No account in this file is a mailbox of Microsoft 365 or outlook.com"
    if boxes:
        said = f"It syncs {listed([f'{box.address} ({box.name})' for box in boxes], 10)}"
    yield Check("config", ok=True, meaning=said, file=str(review.path))


def _diff(review: Review, options: str) -> Diff:
    """Return all edits, of the file and of the pythonfile, as one diff."""
    files = {review.path: (review.document.original, review.document.text()), **review.other_files}
    texts = [unified_diff(os.path.realpath(path), old, new) for path, (old, new) in files.items()]
    shown = [unified_diff(os.path.realpath(path), *map(hide_secrets, pair)) for path, pair in files.items()]
    target = errors.quoted(os.path.realpath(review.path))
    patch = "patch -d / -p1" if review.other_files else f"patch {target}"
    command = f"{errors.COMMAND} doctor --config {errors.quoted(str(review.path))}{options} --diff | {patch}"
    return Diff("".join(texts), "".join(shown), command)
