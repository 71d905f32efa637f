"""
Whether OfflineIMAP can read the file at all, and whether accounts and repositories find each other.

These rules come first: what they mend can hide everything else.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import COMMAND, Remedy
from offlineimap_m365.doctor.offlineimaprc.document import DEFAULT, OPTION, BadValue, Part, Section, is_comment, spaces
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, known_options, listed, show

if TYPE_CHECKING:
    from offlineimap_m365.doctor.offlineimaprc.findings import Review

_ENDS = "OfflineIMAP ends with an error"
_REMOTE, _LOCAL = "remoterepository", "localrepository"
_HEADER = re.compile(r"\[+\s*([^\[\]=]+?)\s*\]*|((?:Account|Repository) [^=\]]+|general)\]")


def mend(review: Review) -> None:
    """Mend what keeps OfflineIMAP from reading the file, then its headers, lists and references."""
    if review.document.has_mark:
        review.document.has_mark = False
        review.edited(1, "line 1", "begins with a byte order mark (BOM)", "OfflineIMAP cannot read it")
    while _unreadable_line(review) or _indented_line(review):
        pass
    for section in review.document.sections:
        _header(review, section)
    _same_sections(review)
    for section in review.document.sections:
        _same_options(review, section)
    _accounts(review)


def _unreadable_line(review: Review) -> bool:
    """Mend the first line that is neither a section nor an option; False if there is none."""
    pairs = [(section, part) for section in review.document.sections for part in section.parts if part.is_unreadable]
    if not pairs:
        return False
    section, part = pairs[0]
    text = part.lines[0].strip()
    header, option, words = _HEADER.fullmatch(text), OPTION.match(text), text.split(maxsplit=1)
    if section.line == 0 and option:
        _begin_section(review, section, part, "general")
        fact = "is before the first [section]"
    elif header:
        _begin_section(review, section, part, header[1] or header[2])
        fact = "is not a complete [section]"
    else:
        part.is_unreadable = False
        fact = "is neither a section, nor option = value, nor a comment"
        is_option = len(words) == 2 and words[0].lower() in known_options()  # noqa: PLR2004 - a name and a value
        part.name = words[0].lower() if is_option else ""
        new = spaces(part.lines[0]) + " = ".join(words) if is_option else f"# {text}"
        part.lines = [new + review.document.line_end]
    review.edited(part.line, f"line {part.line}", fact, _ENDS)
    return True


def _begin_section(review: Review, section: Section, part: Part, name: str) -> None:
    """Let a new section *name* begin at *part*, which is dropped if it was meant as the header."""
    at = section.parts.index(part)
    is_header = _HEADER.fullmatch(part.lines[0].strip()) is not None
    new = Section(name, part.line, f"[{name}]{review.document.line_end}", section.parts[at + is_header :])
    del section.parts[at:]
    for other in new.parts:
        option = OPTION.match(other.lines[0].strip())
        if other.is_unreadable and option and option["name"]:
            other.name, other.is_unreadable = option["name"].lower(), False
    review.document.sections.insert(review.document.sections.index(section) + 1, new)


def _indented_line(review: Review) -> bool:
    """Take the first option or header out of the value that white space made it a part of; False if there is none."""
    for section in review.document.sections:
        for part in section.options:
            index = next((index for index in range(1, len(part.lines)) if _is_misplaced(part, index)), 0)
            if index:
                first, *rest = part.lines[index:]
                option = OPTION.match(first.strip())
                name = option["name"].lower() if option else ""
                new = Part(part.line + index, [spaces(part.lines[0]) + first.lstrip(), *rest], name)
                del part.lines[index:]
                section.parts.insert(section.parts.index(part) + 1, new)
                header = _HEADER.fullmatch(first.strip())
                if header:
                    _begin_section(review, section, new, header[1])
                reason = f"OfflineIMAP reads this line as a part of {part.name}"
                review.edited(new.line, name or show(first.strip()), "begins with white space", reason)
                return True
    return False


def _is_misplaced(part: Part, index: int) -> bool:
    text = part.lines[index].strip()
    above = "\n".join(line for line in part.lines[:index] if not is_comment(line))
    if sum(map(above.count, "([{")) > sum(map(above.count, ")]}")):
        return False  # Python of several lines
    option = re.match(r"([A-Za-z0-9_]+)\s*[=:](?!=)", text)
    is_header = re.fullmatch(r"\[(general|mbnames|(Account|Repository) [^\]]+)\]", text)
    return bool(is_header or (option and option[1].lower() in known_options()))


def _header(review: Review, section: Section) -> None:
    name = respelled(section.name)
    if name != section.name:
        fact = f"[{show(section.name)}] is not a section that OfflineIMAP looks for"
        section.name, section.header = name, f"[{name}]{review.document.line_end}"
        review.edited(section.line, f"[{show(name)}]", fact, "it is misspelt")


def respelled(header: str) -> str:
    """Return the name of a section as OfflineIMAP looks for it, if *header* is like one."""
    words = header.split(maxsplit=1)
    if len(words) == 1 and header != DEFAULT:
        return "general" if difflib.get_close_matches(header.lower(), ["general"], 1, 0.8) else header
    kind = difflib.get_close_matches(words[0].capitalize(), ["Account", "Repository"], 1, 0.75) if words else []
    return f"{kind[0]} {words[1].strip()}" if kind and len(words) > 1 else header


def _same_sections(review: Review) -> None:
    for section in list(review.document.sections):
        first = review.document.section(section.name)
        if first is not None and first is not section:
            for part in section.options:
                part.lines[0] = part.lines[0].lstrip()
            first.parts += section.parts
            review.document.sections.remove(section)
            fact = f"is there twice (first at line {first.line}); the diff moves its options to the first"
            review.edited(section.line, f"[{show(section.name)}]", fact, _ENDS)


def _same_options(review: Review, section: Section) -> None:
    for part in section.options:
        first = section.option(part.name)
        if first is not None and first is not part:
            section.parts.remove(part)
            review.edited(part.line, part.name, f"is set twice in this section (first at line {first.line})", _ENDS)


def accounts(review: Review) -> list[str]:
    """Return the accounts that are synced, as OfflineIMAP reads the list (init.py, _get_activeaccounts)."""
    general = review.document.section("general")
    value = (review.document.get(general, "accounts") or "") if general else ""
    return [name for name in (name.lstrip() for name in value.split(",")) if name]


def _accounts(review: Review) -> None:
    document = review.document
    there = document.named("Account")
    general = document.section("general")
    if general is None:
        general = Section("general", 1, f"[general]{document.line_end}")
        document.sections.insert(1, general)
        review.edited(1, "[general]", "is missing", _ENDS)
    names = accounts(review)
    meant = [name if name in there else _similar(name.strip(), there) for name in names]
    right = list(dict.fromkeys(filter(None, meant)))
    if right != names or not names:
        missing = [name for name in names if name not in there]
        fact = f"names {listed(missing)}, which has no section" if missing else "names no account, or one twice"
        if right or there:
            reason = f"{_ENDS}; the sections are {listed(there)}"
            review.set(general, "accounts", as_value(", ".join(right or there)), reason, fact)
        else:
            remedy = Remedy("Print a complete file and compare", f"{COMMAND} config")
            review.report(general.line, "accounts", f"{fact}; there is no [Account …]", remedy)
    for section in [document.section(f"Account {name}") for name in accounts(review)]:
        if section is not None:
            _reference(review, section, _REMOTE)
            _reference(review, section, _LOCAL)


def _similar(name: str, names: list[str]) -> str:
    return next(iter(difflib.get_close_matches(name, names, 1, 0.75)), "")


def _reference(review: Review, account: Section, option: str) -> None:
    """Let *option* of an account name a repository of the right kind: one like it, or the only one that is free."""
    document = review.document
    value = document.get(account, option) or ""
    repository = document.section(f"Repository {value}")
    if repository is not None and _is_remote(review, repository) is (option == _REMOTE):
        return
    repositories = [one for one in document.sections if one.name.startswith("Repository ")]
    right = [one.name.partition(" ")[2] for one in repositories if _is_remote(review, one) is (option == _REMOTE)]
    used = {document.get(one, side) for one in document.sections if one is not account for side in (_REMOTE, _LOCAL)}
    free = [name for name in right if name not in used]
    meant = _similar(value, right) or (free[0] if len(free) == 1 else "")
    kind = "remote" if option == _REMOTE else "local"
    fact = f"names {show(value)}, which is not a {kind} repository of this file" if value else "is missing"
    if meant:
        review.set(account, option, as_value(meant), _ENDS, fact)
    elif repository is None:
        remedy = Remedy(f"Write the section [Repository {value or kind}] as it is printed", f"{COMMAND} config")
        review.report(account.line, option, fact, remedy)


def _is_remote(review: Review, section: Section) -> bool:
    """Is it a repository on a server? Its type may be missing or misspelt."""
    if review.document.get(section, "localfolders"):
        return False
    kind = (review.document.get(section, "type") or "").lower()
    return kind in {"imap", "gmail"} or review.document.find(section, "remotehost") is not None


def unresolved(review: Review, section: Section) -> None:
    """Mend the values of *section* whose references or per cent signs OfflineIMAP cannot read."""
    for part in section.options:
        fault = _fault(review, section, part.raw)
        value = _repaired(review, section, part.raw) if fault else ""
        if fault and not _fault(review, section, value):
            review.set(section, part.name, value, _ENDS, fault)
        elif fault:
            review.report(part.line, part.name, f"{fault}; {_ENDS}", Remedy("Write the value without references"))


def _fault(review: Review, section: Section, raw: str) -> str:
    try:
        review.document.resolve(section, raw)
    except BadValue as error:
        return str(error)
    return ""


def _repaired(review: Review, section: Section, raw: str) -> str:
    """Return *raw* with a similar name for one that is not set, the ``s`` that is missing, or ``%%`` for ``%``."""
    names = [part.name for one in (section, review.document.section(DEFAULT)) if one for part in one.options]

    def repair(match: re.Match[str]) -> str:
        close = difflib.get_close_matches((match["name"] or "").lower(), names, 1, 0.8)
        return f"%({close[0]})s" if close else "%%" if match[0] == "%" else match[0]

    return re.sub(r"%%|%\((?P<name>[^()]+)\)s?|%", repair, raw)
