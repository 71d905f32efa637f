"""
Whether accounts and repositories find each other, and whether each option has a name and a value that can be read.

These rules come first: what they mend can hide everything else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import COMMAND, Remedy
from offlineimap_m365.doctor.offlineimaprc.document import DEFAULT, Part, Section
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, listed, show
from offlineimap_m365.doctor.offlineimaprc.mailboxes import LOCAL, REMOTE, account_names
from offlineimap_m365.doctor.offlineimaprc.reader import known_options, similar

if TYPE_CHECKING:
    from offlineimap_m365.doctor.offlineimaprc.findings import Review

_ENDS = "OfflineIMAP ends with an error"
#: A reference, also without its last letter.
_REFERENCE = re.compile(r"%%|%\((?P<name>[^()]+)\)s?|%")
#: Options that show in which kind of section they belong.
_KINDS = dict.fromkeys((LOCAL, REMOTE), "Account") | dict.fromkeys(
    ("type", "localfolders", "remotehost", "remoteuser"), "Repository"
)
#: Option names that people write for OfflineIMAP's, from other programs.
_OTHER_NAMES = {
    "port": "remoteport",
    "host": "remotehost",
    "server": "remotehost",
    "user": "remoteuser",
    "username": "remoteuser",
}


def mend_sections(review: Review) -> None:
    """Begin a section where its header was lost, and let no section have an option twice."""
    _restore_header(review)
    for section in review.document.sections:
        for part in section.options:
            first = section.option(part.name)
            if first is not None and first is not part:
                section.parts.remove(part)
                fact = f"is set twice in this section (first at line {first.line})"
                review.edited(part.line, part.name, fact, _ENDS)


def _restore_header(review: Review) -> None:
    """Begin the only section that is missing where options of its kind stand in another one, if that is one place."""
    document, sections = review.document, review.document.sections
    there = {section.name for section in sections}
    named = [
        (account, f"Repository {document.get(section, side)}")
        for account, section in document.named("Account").items()
        for side in (REMOTE, LOCAL)
    ]
    active = {name.strip() for name in account_names(review)}
    wanted = {f"Account {name}" for name in active} | {name for account, name in named if account in active}
    unused = there - wanted - {name for _, name in named}
    lost = [name for name in wanted - there if not similar(name, unused)]
    kind = lost[0].partition(" ")[0] if len(lost) == 1 else ""
    places: dict[Section, int] = {}
    for section in sections:
        is_same = section.name.partition(" ")[0] == kind
        for index, part in enumerate(section.parts):
            is_misplaced = not is_same or section.option(part.name) is not part
            if _KINDS.get(part.name) == kind and is_misplaced and section.name != DEFAULT:
                begin = max((at + 1 for at in range(index) if not section.parts[at].lines[0].strip()), default=0)
                places.setdefault(section, begin or (0 if is_same else index))
    for section, begin in places.items():
        if len(places) == 1 and begin:
            part = section.parts[begin]
            header = Part(part.line, [f"[{lost[0]}]{document.line_end}"])
            new = Section(lost[0], part.line, [header, *section.parts[begin:]])
            del section.parts[begin:]
            sections.insert(sections.index(section) + 1, new)
            review.edited(part.line, f"[{lost[0]}]", "is missing above this line", _ENDS)


def mend_accounts(review: Review) -> None:
    """Let ``accounts`` name the accounts that there are."""
    there, names = list(review.document.named("Account")), account_names(review)
    right = [name if name in there else similar(name.strip(), there) for name in names]
    right = list(dict.fromkeys(filter(None, right))) or there
    missing = [name for name in names if name not in there]
    fact = f"names {listed(missing)}, which has no section" if missing else "names no account, or one twice"
    if not right:
        remedy = Remedy("Print a complete file and compare", f"{COMMAND} config")
        review.report(review.general, "accounts", f"{fact}; there is no [Account …]", remedy)
    elif right != names:
        reason = f"{_ENDS}; the sections are {listed(there)}"
        review.set(review.general, "accounts", as_value(", ".join(right)), reason, fact)


def mend_repositories(review: Review) -> None:
    """Let each account name two repositories of the right kind: one like that, or the only one that is free."""
    document, repositories = review.document, review.document.named("Repository")
    accounts, active = document.named("Account"), account_names(review)
    kinds = {name: REMOTE if _is_remote(review, section) else LOCAL for name, section in repositories.items()}
    used = [(name, document.get(section, side)) for name, section in accounts.items() for side in (REMOTE, LOCAL)]
    pairs = [(name, side) for name in accounts if name in active for side in (REMOTE, LOCAL)]
    for account, option in pairs:
        value, kind = document.get(accounts[account], option) or "", option.removesuffix("repository")
        if kinds.get(value) == option:
            continue
        names = [name for name in kinds if kinds[name] == option]
        free = [name for name in names if name not in {other for user, other in used if user != account}]
        meant = similar(value, names) or (free[0] if len(free) == 1 else "")
        fact = f"names {show(value)}, which is not a {kind} repository of this file" if value else "is missing"
        if meant:
            review.set(accounts[account], option, as_value(meant), _ENDS, fact)
        elif value not in repositories:
            remedy = Remedy(f"Write the section [Repository {value or kind}] as it is printed", f"{COMMAND} config")
            review.report(accounts[account], option, fact, remedy)


def _is_remote(review: Review, section: Section) -> bool:
    """Is it a repository on a server? Its type may be missing or misspelt."""
    if review.document.get(section, "localfolders"):
        return False
    kind = (review.document.get(section, "type") or "").lower()
    return kind in {"imap", "gmail"} or review.document.find(section, "remotehost") is not None


def mend_options(review: Review, section: Section) -> None:
    """Mend the names and the values of the options of *section*."""
    _mend_names(review, section)
    _mend_references(review, section)


def _mend_names(review: Review, section: Section) -> None:
    """Mend the name of an option that OfflineIMAP does not know and that is like one that it knows."""
    for part in section.options:
        if part.name in known_options() or f"%({part.name})s" in review.document.text():
            continue
        right = _OTHER_NAMES.get(part.name) or similar(part.name, known_options(), 0.8)
        if right and section.option(right) is None:
            review.edited(part.line, part.name, "is no option of OfflineIMAP", f"{right} is meant")
            section.rename(part, right)


def _mend_references(review: Review, section: Section) -> None:
    """Mend the values of *section* whose references or per cent signs OfflineIMAP cannot read."""
    names = [part.name for one in (section, review.document.section(DEFAULT)) if one for part in one.options]

    def repair(match: re.Match[str]) -> str:
        right = similar((match["name"] or "").lower(), names, 0.8)
        return f"%({right})s" if right else "%%" if match[0] == "%" else match[0]

    for part in section.options:
        fault = review.document.fault(section, part.raw)
        right = _REFERENCE.sub(repair, part.raw)
        if fault and not review.document.fault(section, right):
            review.set(section, part.name, right, _ENDS, fault)
        elif fault:
            review.report(section, part.name, f"{fault}; {_ENDS}", Remedy("Write the value without references"))
