"""
``--run-config``: the file's own Python, run by the interpreter that runs OfflineIMAP, with the names that it has there.

What it prints is thrown away, and what it gives is looked at there: here come only how that went, and folders' names.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from offlineimap_m365.doctor.offlineimaprc import folders, interpreter, literal, ours, writing
from offlineimap_m365.doctor.offlineimaprc.folders import Tried

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.boxes import Box
    from offlineimap_m365.doctor.offlineimaprc.pythonfile import Names
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

#: What the child calls the lines, and where they stand.
_LINES = {"token": literal.LINE, "filter": "folderfilter", "remote": "nametrans", "local": "nametrans"}


@dataclasses.dataclass
class Run:
    """What came of running the file: the *checks*, and what the lines made of each mailbox's folders."""

    checks: list[Check]
    tried: dict[str, Tried] = dataclasses.field(default_factory=dict)


def run(rc: Rc, python: list[str] | None, names: Names, boxes: Sequence[tuple[Box, Sequence[str]]]) -> Run:
    """Run the pythonfile and the lines of *boxes*, each with the names of its folders."""
    if python is None:
        return Run(
            [writing.untold(rc, "config-run", "There is no offlineimap on PATH, whose Python would run the file")]
        )
    question = {
        "pythonfile": str(names.path) if names.path else None,
        "boxes": [_question(rc, box, found) for box, found in boxes],
    }
    try:
        answer = interpreter.ask(python, question, isolated=False)
    except interpreter.Failed as error:
        return Run(
            [_unloaded(rc, names, f"Running the pythonfile and the lines under {python[0]} failed: {error.why}")]
        )
    if answer["load"] is not None:
        said = f"The pythonfile raises {_told(answer['load'])} when {python[0]}, which runs OfflineIMAP, loads it"
        return Run([_unloaded(rc, names, said)])
    made = Run([])
    for (box, found), told in zip(boxes, answer["boxes"], strict=True):
        made.checks += _box(rc, box, told)
        made.tried[box.name] = _tried(found, told)
    return made


def _question(rc: Rc, box: Box, found: Sequence[str]) -> dict[str, Any]:
    is_well = box.subject is None or not (box.subject.failed or box.subject.offline)  # else it would ask Microsoft
    return {
        "token": folders.line(rc, box.remote, literal.LINE) if is_well else None,
        "filter": folders.line(rc, box.remote, "folderfilter"),
        "remote": folders.line(rc, box.remote, "nametrans"),
        "local": folders.line(rc, box.local, "nametrans"),
        "names": list(found),
        "sep": folders.separator(rc, box),
    }


def _unloaded(rc: Rc, names: Names, said: str) -> Check:
    """Return the finding for a pythonfile that cannot be loaded: ours takes its place where it makes nothing itself."""
    if not rc.has("general", "pythonfile") or names.path is None:
        return writing.commanded(rc.path, "config-run", said, "Look at the lines of Python in the file")
    advice = "Correct it, or, if the lines use nothing of its own, let go of it"
    right = ours.pythonfile()
    return writing.replaced(rc, "config-run-pythonfile", "general", "pythonfile", right, said, advice)


def _told(error: dict[str, Any]) -> str:
    """Return an exception in words: its type, the module that it misses, the line, and what an error of ours says."""
    text = writing.show(str(error["type"]))
    if error["module"]:
        text += f" ({writing.show(str(error['module']))} is not there)"
    if error["line"]:
        text += f" in its line {error['line']}"
    if error["said"]:
        text += f" ({writing.show(str(error['said']))})"
    return text


def _box(rc: Rc, box: Box, told: dict[str, Any]) -> Iterator[Check]:
    """Yield what is wrong with the lines of one mailbox, each line once."""
    for name, option in _LINES.items():
        found = told.get(name)
        error = found["error"] if found else None
        if error is None and name in {"remote", "local"} and told.get("renamed") and name == "remote":
            error = told["renamed"]["error"]
        section = box.local if name == "local" else box.remote
        if error is not None and section is not None:
            yield _raised(rc, box, section, name, option, error)
        elif name == "token" and found is not None and found["value"] != "token":
            said = f"Evaluated, this line gives no token but {_kind(str(found['value']))}"
            right = ours.line(box.account, box.mailbox, literal.LINE)
            yield writing.replaced(rc, "config-run-token", section or box.remote, option, right, said)


def _kind(name: str) -> str:
    return {"text": "a text that is none", "NoneType": "nothing"}.get(name, f"a value of the type {writing.show(name)}")


def _raised(rc: Rc, box: Box, section: str, name: str, option: str, error: dict[str, Any]) -> Check:  # noqa: PLR0913, PLR0917
    said = f"Evaluated, this line raises {_told(error)}"
    if name == "token":
        right = ours.line(box.account, box.mailbox, literal.LINE)
    else:
        which = {"filter": "folderfilter", "remote": "nametrans_remote", "local": "nametrans_local"}[name]
        right = ours.folder_line(box.account, box.mailbox, which)
    return writing.replaced(
        rc, f"config-run-{option.replace('oauth2_access_token_eval', 'token')}", section, option, right, said
    )


def _tried(found: Sequence[str], told: dict[str, Any]) -> Tried:
    """Return what the lines made of the folders' names, as far as the child's answer is one."""
    kept, renamed = ((told.get(name) or {}).get("value") for name in ("filter", "renamed"))
    is_list = isinstance(kept, list) and len(kept) == len(found)
    are_pairs = isinstance(renamed, list) and len(renamed) == len(found)
    return Tried(
        tuple(found),
        tuple(bool(one) for one in kept) if is_list and isinstance(kept, list) else None,
        tuple((str(here), str(back)) for here, back in renamed) if are_pairs and isinstance(renamed, list) else None,
    )
