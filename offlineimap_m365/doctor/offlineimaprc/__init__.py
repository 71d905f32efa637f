"""
``doctor --config``: what breaks in practice in an offlineimaprc, as findings and one diff that mends them.

The file is parsed into a document, rules edit the document, and the diff is between the two. Nothing is executed
without ``--run-config``, and the file itself is not changed.
"""

from __future__ import annotations

import dataclasses
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
    Yield what is wrong with the file *path*; each check that the diff mends carries the diff.

    *subjects* are the accounts that were checked before. *run*: the file's own Python may be run.
    """
    try:
        text = safe_file.read(str(path), most_bytes=_LARGEST).decode("utf-8")
    except FileNotFoundError:
        name = errors.quoted(str(path))
        remedy = Remedy("Make a new one", f"{errors.COMMAND} config >{name} && chmod 600 {name}")
        yield Check("config-file", ok=False, meaning=f"{path} does not exist", remedy=remedy, file=str(path))
        return
    except ValueError as error:  # also a NUL in the name
        line = error.object.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else None
        meaning = f"{path} is not a file in UTF-8, which OfflineIMAP reads"
        remedy = Remedy("Save it as UTF-8 in an editor")
        yield Check("config-file", ok=False, meaning=meaning, remedy=remedy, file=str(path), line=line)
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
    tried = review.others
    boxes = _mend(review, known)
    review.others = list(dict.fromkeys([*review.others, *tried]))
    yield from _checks(review, boxes, " --run-config" * run + " --offline" * offline)


def _mend(review: Review, known: Known) -> list[Mailbox]:
    """Apply the rules until none of them changes anything; return the mailboxes."""
    boxes: list[Mailbox] = []
    for _ in range(_MOST_PASSES):
        before = review.texts()
        review.others = []
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
    if boxes and general is not None:
        own_pythonfile.mend(review, names)
        _secret_comments(review)
        _timeout(review, general)
    for section in mailboxes.unlisted(review, known):
        review.note(section.line, f"[{show(section.name)}]", "is not in accounts = of [general], so it is not synced")
    return boxes


def _misspelt_options(review: Review, section: Section) -> None:
    """Mend the name of an option that OfflineIMAP does not know and that is like one that it knows."""
    for part in section.options:
        if part.name in known_options() or f"%({part.name})s" in review.document.text():
            continue
        close = difflib.get_close_matches(part.name, known_options(), 1, 0.8)
        right = _OTHER_NAMES.get(part.name) or next(iter(close), None)
        if right and section.option(right) is None:
            review.edited(part.line, part.name, "is no option of OfflineIMAP", f"{right} is meant")
            section.rename(part, right)


def _secret_comments(review: Review) -> None:
    """Remove comments that still hold a token: a line that was switched off can be read like any other."""
    for section in review.document.sections:
        for part in [part for part in section.parts if not part.name]:
            if log_redaction.clean(part.lines[0]) != part.lines[0]:
                section.parts.remove(part)
                review.edited(part.line, "comment", "holds a token or another secret", "who can read it can use it")


def _timeout(review: Review, general: Section) -> None:
    if review.document.find(general, "socktimeout") is None:
        fact = "is missing; with socktimeout = 60 a server that stops answering cannot stop OfflineIMAP for 15 minutes"
        review.note(general.line, "socktimeout", fact)


def _checks(review: Review, boxes: Sequence[Mailbox], options: str) -> Iterator[Check]:
    """Yield the findings in the order of the file, then what is synced if nothing is wrong."""
    diff = _diff(review, options)
    mended = [dataclasses.replace(check, diff=diff, remedy=Remedy("", diff.command)) for check in review.mended]
    checks = [*mended, *review.others]
    yield from sorted(checks, key=lambda check: (check.file != str(review.path), check.line or 0))
    if not any(check.ok is False for check in checks):
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
    headers = [structure.respelled(section.name) for section in review.document.sections]
    return any(header == "general" or header.startswith(("Account ", "Repository ")) for header in headers)


def _of_another_program(path: Path) -> Check:
    program = next((name for part, name in _PROGRAMS.items() if part in path.name), "")
    said = f"{path} is not a file of OfflineIMAP's: it has no [general], [Account …] or [Repository …]"
    if program:
        said += f". It looks like a file of {program}"
    remedy = Remedy("--config takes the file that OfflineIMAP reads", _AGAIN)
    return Check("config-file", ok=False, meaning=said, remedy=remedy, file=str(path))


def _mode(path: Path) -> Iterator[Check]:
    """Others must not read the file or change it: OfflineIMAP runs the Python that it names."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        said = f"Other users can {'change' if mode & 0o022 else 'read'} this file (mode {mode:04o})"
        remedy = Remedy("", f"chmod 600 {errors.quoted(str(path))}")
        yield Check("config-mode", ok=False, meaning=said, remedy=remedy, file=str(path))
