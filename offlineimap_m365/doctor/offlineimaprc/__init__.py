"""
``doctor --config``: what breaks in practice in an offlineimaprc, each finding with its line as it should be.

The file is read as OfflineIMAP reads it and never executed, unless ``--run-config`` says so; nothing is changed. One
cause is named once: what follows from something that is wrong is not looked at before that is right.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.offlineimaprc import (
    boxes,
    evals,
    folders,
    interpreter,
    literal,
    live,
    maildir,
    pythonfile,
    reading,
    renaming,
    running,
    settings,
    syntax,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from offlineimap_m365.doctor.check import Subject, Trouble
    from offlineimap_m365.doctor.offlineimaprc.boxes import Box
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

    Look = Callable[[Subject, str, str], live.Seen]

#: Mailboxes that are named; an administrator has hundreds.
_TOLD = 10


def examine(path: Path, subjects: Sequence[Subject], *, run: bool, look: Look = live.look) -> Iterator[Check]:
    """
    Yield what was found in the file *path*, for the accounts that were examined before.

    *run*: its own Python may be run. *look* opens a mailbox and lists its folders (live.look()).
    """
    try:
        rc = reading.read(path)
    except reading.Unreadable as error:
        yield syntax.unreadable(path, error)
        return
    secrets = literal.secrets(rc)
    found = []
    for check in _examine(rc, subjects, look, run=run):
        found.append(writing.without(check, secrets))
        yield found[-1]
    if not any(check.ok is False for check in found):
        yield _all_well(rc, subjects)


def _examine(rc: Rc, subjects: Sequence[Subject], look: Look, *, run: bool) -> Iterator[Check]:
    yield from _mode(rc.path)
    for look_at in (syntax.indented, boxes.names):
        slips = list(look_at(rc))
        yield from slips
        rc = _as_if_mended(rc, slips)
    spoilt = list(syntax.per_cent(rc, [name for name in rc.sections() if not name.startswith("Repository ")]))
    yield from spoilt
    if spoilt:
        return
    checks, mailboxes = boxes.find(rc, subjects)
    yield from checks
    yield from literal.comments(rc)
    if not mailboxes:
        return
    python = interpreter.find()
    checks, names = pythonfile.examine(rc, python, mailboxes[0].account.name)
    yield from checks
    broken = any(check.ok is False for check in checks)
    ready, unfit = [], []
    for box in mailboxes:
        spoilt = list(syntax.per_cent(rc, (box.local, box.remote)))
        wrong = spoilt or list(_read(rc, box, names))
        faulty = [] if spoilt else folders.faults(rc, box, names)
        yield from (*wrong, *faulty)
        if not any(check.ok is False for check in (*wrong, *faulty)):
            ready.append(box)
        elif not spoilt and not faulty:
            unfit.append(box)
    yield from _tried(rc, ready, look, names, python if run and not broken else None, run=run and not broken)
    for box in unfit:
        yield from _judged(rc, box, folders.attempt(rc, box, names, folders.with_stranger(folders.USUAL)), None)


def _as_if_mended(rc: Rc, slips: Sequence[Check]) -> Rc:
    """Return the file as it would be without these *slips*, line by line: what follows from them is not told."""
    if not slips:
        return rc
    lines = list(rc.lines)
    for slip in slips:
        if slip.line is not None and slip.corrected is not None:
            rest = (slip.last_line or slip.line) - slip.line
            lines[slip.line - 1 : slip.line + rest] = [slip.corrected, *["#"] * rest]
    try:
        return reading.parse(rc.path, "\n".join(lines))
    except reading.Unreadable:  # an option that is set twice then
        return rc


def _read(rc: Rc, box: Box, names: pythonfile.Names) -> Iterator[Check]:
    """Yield what can be read of one mailbox's sections."""
    yield from boxes.examine(rc, box)
    yield from settings.examine(rc, box)
    yield from literal.examine(rc, box, names)


def _tried(  # noqa: PLR0913 - all that was found out so far
    rc: Rc, ready: Sequence[Box], look: Look, names: pythonfile.Names, python: list[str] | None, *, run: bool
) -> Iterator[Check]:
    """Yield what comes of trying: the mailboxes are opened, and the lines are put to their folders."""
    seen: list[tuple[Box, list[str] | None]] = []
    for box in ready:
        checks, found = _look(rc, box, look)
        yield from checks
        if not any(check.ok is False for check in checks):
            seen.append((box, found))
    asked = [(box, folders.with_stranger(found or folders.USUAL)) for box, found in seen]
    ran = running.run(rc, python, names, asked) if run and asked else None
    if ran is not None:
        yield from ran.checks
        if any(check.ok is False for check in ran.checks):
            return
    for (box, found), (_, known) in zip(seen, asked, strict=True):
        tried = (ran and ran.tried.get(box.name)) or folders.attempt(rc, box, names, known)
        yield from _judged(rc, box, tried, found)


def _judged(rc: Rc, box: Box, tried: folders.Tried, found: list[str] | None) -> Iterator[Check]:
    """Yield what is wrong with the lines about folders, by what they make of those that were *found*, or usual ones."""
    yield from folders.examine(rc, box, tried)
    yield from renaming.examine(rc, box, tried, is_live=found is not None)
    yield from maildir.examine(rc, box, tried if found is not None else None)


def _look(rc: Rc, box: Box, look: Look) -> tuple[list[Check], list[str] | None]:
    """Open the mailbox of *box* if that can be tried; return what is wrong with it, and its folders."""
    if box.subject is None or not live.can_look(box.subject, box.mailbox):
        return [], None
    again = f"{errors.COMMAND} doctor {errors.quoted(box.account.name)} --config {errors.quoted(str(rc.path))}"
    seen = look(box.subject, box.mailbox, again)
    if seen.folders is not None:
        return [], list(seen.folders)
    if seen.trouble is not None:
        return [_closed(rc, box, seen.trouble)], None
    if seen.is_busy and rc.get(box.remote, "maxconnections") not in {None, "1"}:
        said = f"The server is too busy for several connections to {writing.show(box.mailbox)}: {seen.why}"
        return [writing.replaced(rc, "config-throttled", box.remote, "maxconnections", "1", said)], None
    return [writing.untold(rc, "config-mailbox", f"{box.mailbox} was not opened: {seen.why}")], None


def _closed(rc: Rc, box: Box, trouble: Trouble) -> Check:
    """Return the finding for a mailbox that the account cannot open: a slip of the pen, or what opens it."""
    if evals.are_alike(box.mailbox, box.account.name) and box.mailbox.lower() != box.account.name.lower():
        said = f"{box.account.name} cannot open {writing.show(box.mailbox)}, which looks like a slip of the pen"
        return writing.replaced(rc, "config-mailbox", box.remote, "remoteuser", writing.quoted(box.account.name), said)
    line = rc.place(box.remote, "remoteuser").line
    found = writing.commanded(rc.path, "config-mailbox", trouble.meaning, trouble.remedy, line)
    return dataclasses.replace(found, account=box.account.name, mailbox=box.mailbox)


def _mode(path: Path) -> Iterator[Check]:
    """Can others read or change the file? Whoever changes it has OfflineIMAP run their Python."""
    try:
        found = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        what = "change" if mode & 0o022 else "read" if mode & 0o044 else "open"
        said = f"Others can {what} this file (mode {mode:04o}), which OfflineIMAP runs the Python of"
        name = errors.quoted(str(path))
        own = f"sudo chown $(id -un) {name} && " if found.st_uid != os.getuid() else ""  # left by a sudo
        yield writing.commanded(path, "config-mode", said, f"Run: {own}chmod 600 {name}")


def _all_well(rc: Rc, subjects: Sequence[Subject]) -> Check:
    """Return the check of a file without findings: what it syncs."""
    _, mailboxes = boxes.find(rc, subjects)
    if not mailboxes:
        said = "No account in this file is a mailbox of Microsoft 365 or outlook.com"
        return Check("config", ok=None, meaning=said, file=str(rc.path))
    told = ", ".join(f"{writing.show(box.mailbox)} ({writing.show(box.name)})" for box in mailboxes[:_TOLD])
    if len(mailboxes) > _TOLD:
        told += f" and {len(mailboxes) - _TOLD} more"
    readonly = [box for box in mailboxes if rc.flag(box.remote, "readonly", otherwise=False)]
    note = "; what is done here never reaches the server (readonly)" if readonly else ""
    return Check("config", ok=True, meaning=f"It syncs {told}{note}", file=str(rc.path))
