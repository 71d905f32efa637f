"""
What OfflineIMAP could not even read: no file, other characters, lines that its parser does not take.
"""

from __future__ import annotations

import configparser
import difflib
import os
import re
import stat
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc import literal, reading, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from offlineimap_m365.doctor.check import Check
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc


def unreadable(path: Path, error: reading.Unreadable) -> Check:
    """Return the finding for a file that has no text that could be parsed."""
    name = errors.quoted(str(path))
    if error.kind == "encoding":
        said = f"Line {error.line} is not UTF-8, which OfflineIMAP reads its file as"
        new = errors.quoted(f"{path}.utf8")
        convert = f"iconv -f {error.why} -t UTF-8 {name} >{new} && cat {new} >{name} && rm {new}"
        return writing.commanded(path, "config-encoding", said, f"Run: (umask 077 && {convert})", error.line)
    if error.kind == "file":
        return writing.commanded(path, "config-file", f"{path} cannot be read: {error.why}", _open(path))
    said = f"OfflineIMAP cannot read the file: {error.why}"
    if error.line is None:
        return writing.commanded(path, "config-syntax", said, "Look at the file in an editor")
    return _line(path, error.line, said, error.why)


def _open(path: Path) -> str:
    """Return what helps where the file *path* cannot be read."""
    name = errors.quoted(str(path))
    look = f"{errors.COMMAND} doctor --config"
    try:
        found = path.stat()
    except FileNotFoundError:
        make = f"{errors.COMMAND} config offlineimap >{name} && chmod 600 {name}"
        return f"A new one is made by this command. Run: {make}"
    except (OSError, ValueError):
        return f"Name the file that OfflineIMAP reads. Run: {look} ~/.offlineimaprc"
    if stat.S_ISREG(found.st_mode) and not os.access(path, os.R_OK):
        own = f"sudo chown $(id -un) {name} && " if found.st_uid != os.getuid() else ""
        return f"Run: {own}chmod 600 {name}"
    inside = next((path / one for one in (".offlineimaprc", "config", "offlineimaprc") if (path / one).is_file()), None)
    right = errors.quoted(str(inside)) if inside else "~/.offlineimaprc"
    return f"Name the file that OfflineIMAP reads. Run: {look} {right}"


def _line(path: Path, number: int, said: str, why: str) -> Check:
    """Return the finding for one line, with the line mended where that can be told, else switched off."""
    lines = tuple(path.read_text(encoding="utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    text = lines[number - 1]
    rc = reading.Rc(path, lines, configparser.ConfigParser(), {}, {})
    right = [f"# {text.strip()}"]
    bare = text.strip().lstrip("\ufeff")[:1000]
    header = re.match(r"\[+\s*([^\[\]]+?)\s*\]*\s*$", bare)
    if text.strip().startswith("\ufeff"):
        right = [bare]
    elif "a section of this name" in why and header:
        right = [f"[{header[1]}-2]"]
    elif header:
        right = [f"[{header[1]}]"]
    elif "neither" in why and bare.partition(" ")[0] in writing.OPTIONS and " " in bare:
        right = [" = ".join(bare.split(maxsplit=1))]
    elif "before the first" in why and "=" in text:
        right = ["[general]", text]
    if any(writing.looks_secret(line) for line in right):
        right = ["# A secret was here."]
    return writing.instead(rc, "config-syntax", (number, number), right, said)


def indented(rc: Rc) -> Iterator[Check]:
    """Yield options behind white space, which belong to the line above: the parser takes them for its continuation."""
    for number, line in enumerate(rc.lines, 1):
        found = _INDENTED.match(line)
        if found is None or found["option"].lower() not in _KNOWN or not _is_inside(rc, number):
            continue
        is_secret = literal.is_secret(found["option"].lower(), line)
        right = f"# {found['option']} was here: nothing needs it" if is_secret else line.strip()
        said = f"The white space before {found['option']} makes this line a part of the one above"
        yield writing.instead(rc, "config-indent", (number, number), [right], said)


#: An option with white space before it.
_INDENTED = re.compile(r"[ \t]+(?P<option>[A-Za-z0-9_]+)[ \t]*[=:](?!=)")


_KNOWN = writing.OPTIONS | writing.OTHERS


def _is_inside(rc: Rc, number: int) -> bool:
    """Is the line *number* a later line of a value?"""
    return any(place.line < number <= place.last for place in rc.places.values())


def per_cent(rc: Rc, sections: Iterable[str | None]) -> Iterator[Check]:
    """Yield the values that cannot be put together: a per cent sign alone, or a reference to what is not there."""
    for section in sections:
        if section is None or not rc.has_section(section):
            continue
        for option in rc.options(section):
            if rc.get(section, option) is None and not _lacks_user(rc, section, option):
                yield _spoilt(rc, section, option)


#: A reference without the s that ends it.
_UNENDED = re.compile(r"%\(([^()]*)\)(?!s)")


def _lacks_user(rc: Rc, section: str, option: str) -> bool:
    """Is all that is wrong with it that there is no remoteuser? That has a finding of its own."""
    return "%(remoteuser)s" in rc.raw(section, option) and not rc.has(section, "remoteuser")


def _spoilt(rc: Rc, section: str, option: str) -> Check:
    raw = rc.raw(section, option)
    known = sorted(rc.parser[section])
    lost = [name for name in re.findall(r"%\(([^()]*)\)s", raw) if name.lower() not in known]
    close = difflib.get_close_matches(lost[0].lower(), known, 1, 0.8) if lost else []
    said = f"A per cent sign in {option} is not doubled, so that OfflineIMAP ends with an error"
    if close:
        said = f"{option} refers to {writing.show(lost[0])}, which is not there; {close[0]} is"
        right = raw.replace(f"%({lost[0]})s", f"%({close[0]})s")
    elif any(name.lower() in known for name in _UNENDED.findall(raw)):
        said = f"A reference in {option} lacks its s at the end, so that OfflineIMAP ends with an error"
        right = _UNENDED.sub(lambda m: f"{m[0]}s" if m[1].lower() in known else m[0], raw)
    else:
        right = reading.doubled(raw, set(known))
    if literal.is_secret(option, raw):
        return writing.struck(rc, "config-percent", section, option, said)
    return writing.replaced(rc, "config-percent", section, option, right.replace("\n", "\n "), said)
