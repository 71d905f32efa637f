"""
Whether OfflineIMAP can read the file at all, and whether accounts and repositories find each other.

These rules come first: what they mend can hide everything else.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.offlineimaprc.document import (
    DEFAULT,
    HEADER,
    OPTION,
    BadValue,
    Part,
    Section,
    is_comment,
    spaces,
)
from offlineimap_m365.doctor.offlineimaprc.findings import as_value, known_options, listed, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offlineimap_m365.doctor.offlineimaprc.findings import Review

_KINDS = ("Account", "Repository")
#: By what option a section is known whose header is gone.
_MARKS = {"Account": ("remoterepository", "localrepository"), "Repository": ("type", "remotehost", "localfolders")}
_LOCAL_TYPES = ("Maildir", "GmailMaildir", "LocalStatus", "IMAP")


def mend(review: Review) -> None:
    """Mend what keeps OfflineIMAP from reading the file, then its headers, lists and references."""
    _byte_order_mark(review)
    _unreadable_lines(review)
    _indented_lines(review)
    _headers(review)
    _lost_headers(review)
    _twice(review)
    _accounts(review)


def _byte_order_mark(review: Review) -> None:
    if review.document.has_mark:
        review.document.has_mark = False
        review.mended("config-syntax", 1, "line 1", "begins with a byte order mark (BOM)", "OfflineIMAP cannot read it")


def _unreadable_lines(review: Review) -> None:
    """Mend a header without its brackets and an option without its equals sign; make a comment of any other line."""
    for section in list(review.document.sections):
        for part in [part for part in section.parts if part.is_unreadable]:
            text = part.lines[0].strip()
            header = re.fullmatch(r"\[+\s*([^\[\]]+?)\s*\]*|((?:Account|Repository) [^=\]]+|general)\]", text)
            words = text.split(maxsplit=1)
            reason = "OfflineIMAP ends with an error at this line"
            if section.line == 0 and OPTION.match(text):
                _begin_section(review, section, part, "general")
                review.mended("config-syntax", part.line, f"line {part.line}", "is before the first [section]", reason)
                return _unreadable_lines(review)
            if header:
                _begin_section(review, section, part, header[1] or header[2], drop=True)
                review.mended("config-syntax", part.line, f"line {part.line}", "is not a complete [section]", reason)
                return _unreadable_lines(review)
            part.is_unreadable = False
            if len(words) == 2 and words[0].lower() in known_options():  # noqa: PLR2004 - a name and a value
                part.name = words[0].lower()
                part.lines = [f"{spaces(part.lines[0])}{words[0]} = {words[1]}{review.document.line_end}"]
            else:
                part.lines = [f"# {part.lines[0].lstrip()}"]
            fact = "is neither a section, nor option = value, nor a comment"
            review.mended("config-syntax", part.line, f"line {part.line}", fact, reason)
    return None


def _begin_section(review: Review, section: Section, part: Part, name: str, *, drop: bool = False) -> Section:
    """Let a new section *name* begin at *part* of *section*; *drop* the part, which was meant as its header."""
    at = section.parts.index(part)
    header = f"[{name}]{review.document.line_end}"
    moved = Section(name, part.line, header, section.parts[at + drop :])
    del section.parts[at:]
    for other in moved.parts if section.line == 0 else ():
        option = OPTION.match(other.lines[0].strip())
        if other.is_unreadable and option:
            other.name, other.is_unreadable = option["name"].lower(), False
    review.document.sections.insert(review.document.sections.index(section) + 1, moved)
    return moved


def _indented_lines(review: Review) -> None:
    """Split a value whose later line is an option or a header that white space made a part of it."""
    for section in list(review.document.sections):
        for part in section.options:
            index = next((i for i in range(1, len(part.lines)) if _is_misplaced(part, i)), 0)
            if index:
                line, rest = part.line + index, part.lines[index:]
                del part.lines[index:]
                option = OPTION.match(rest[0].strip())
                new = Part(
                    line,
                    [spaces(part.lines[0]) + rest[0].lstrip(), *rest[1:]],
                    option["name"].lower() if option else "",
                )
                section.parts.insert(section.parts.index(part) + 1, new)
                if not option or HEADER.match(rest[0].strip()):
                    name = HEADER.match(rest[0].strip())
                    _begin_section(review, section, new, name["name"] if name else "", drop=True)
                reason = f"OfflineIMAP reads this line as a part of {part.name}"
                review.mended(
                    "config-indent", line, new.name or new.lines[0].strip(), "begins with white space", reason
                )
                return _indented_lines(review)
    return None


def _is_misplaced(part: Part, index: int) -> bool:
    text = part.lines[index].strip()
    above = "\n".join(line for line in part.lines[:index] if not is_comment(line))
    if sum(map(above.count, "([{")) > sum(map(above.count, ")]}")):
        return False  # a line of Python that goes on
    option = re.match(r"([A-Za-z0-9_]+)\s*[=:](?!=)", text)
    is_header = re.fullmatch(r"\[(general|mbnames|(Account|Repository) [^\]]+)\]", text)
    return bool(is_header or (option and option[1].lower() in known_options()))


def _headers(review: Review) -> None:
    """Mend headers that are misspelt: ``[Acount x]``, ``[repository  x]``, ``[General]``."""
    for section in review.document.sections:
        name = respelt(section.name)
        if name != section.name and review.document.section(name) is None:
            fact = f"[{show(section.name)}] is not a section that OfflineIMAP looks for"
            section.name, section.header = name, f"[{name}]{review.document.line_end}"
            review.mended("config-section", section.line, f"[{show(name)}]", fact, f"it looks for [{show(name)}]")


def respelt(header: str) -> str:
    """Return the name of a section as OfflineIMAP looks for it, if *header* is like one."""
    words = header.split(maxsplit=1)
    if not words or header == DEFAULT:
        return header
    if len(words) == 1:
        return "general" if difflib.get_close_matches(words[0].lower(), ["general"], 1, 0.8) else header
    kind = difflib.get_close_matches(words[0].capitalize(), _KINDS, 1, 0.75)
    return f"{kind[0]} {words[1].strip()}" if kind else header


def _twice(review: Review) -> None:
    """Merge sections of the same name, and remove options that are set again in the same section."""
    seen: dict[str, Section] = {}
    for section in list(review.document.sections):
        first = seen.setdefault(section.name, section)
        if first is not section:
            for part in section.options:
                part.lines[0] = part.lines[0].lstrip()
            first.parts += section.parts
            review.document.sections.remove(section)
            fact = f"[{show(section.name)}] is there twice (first at line {first.line})"
            reason = "OfflineIMAP ends with an error; its options are moved to the first"
            review.mended("config-syntax", section.line, f"[{show(section.name)}]", fact, reason)
    for section in review.document.sections:
        for part in [part for part in section.options if section.option(part.name) is not part]:
            section.parts.remove(part)
            first_line = next(other.line for other in section.options if other.name == part.name)
            fact = f"is set twice in this section (first at line {first_line})"
            review.mended("config-syntax", part.line, part.name, fact, "OfflineIMAP ends with an error")


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
    names = list(dict.fromkeys(filter(None, map(_meant(there), accounts(review)))))
    if names != accounts(review) or not names:
        missing = [name for name in accounts(review) if name not in there]
        fact = f"names {listed(missing)}, which has no section" if missing else "names no account"
        reason = f"OfflineIMAP ends with an error; the sections are {listed(there)}"
        if names or there:
            review.set("config-accounts", general, "accounts", as_value(", ".join(names or there)), reason, fact)
        else:
            remedy = Remedy("Print a complete file and compare", "offlineimap-m365 config")
            review.report("config-accounts", general.line, "accounts", fact, "the file has no [Account …]", remedy)
    for name in accounts(review):
        section = document.section(f"Account {name}")
        if section is not None:
            _references(review, section, name)


def _meant(there: Sequence[str]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return what finds the account that a name of the list means, an empty text if none is like it."""

    def find(name: str) -> str:
        if name in there:
            return name
        return next(iter(difflib.get_close_matches(name.strip(), there, 1, 0.75)), "")

    return find


def _references(review: Review, account: Section, name: str) -> None:
    """Let ``remoterepository`` and ``localrepository`` of an account name repositories of the right kind."""
    document = review.document
    for option, is_remote in (("remoterepository", True), ("localrepository", False)):
        value = document.get(account, option)
        repository = document.section(f"Repository {value}") if value else None
        if repository is not None and is_remote_repository(review, repository) is is_remote:
            continue
        meant = _meant_repository(review, account, value or "", is_remote=is_remote)
        fact = f"names {show(value)}" if value else "is missing"
        reason = (
            f"that is not a {'remote' if is_remote else 'local'} repository of this file"
            if value
            else ("OfflineIMAP ends with an error")
        )
        if meant:
            review.set("config-repository", account, option, as_value(meant), reason, fact)
        elif repository is None and not is_remote:
            _add_maildir(review, account, value or f"{name}-local", name)
        elif repository is None:
            remedy = Remedy(
                f"Write the section [Repository {value or name}] as it is printed", "offlineimap-m365 config"
            )
            review.report("config-repository", account.line, option, fact, reason, remedy)


def _meant_repository(review: Review, account: Section, value: str, *, is_remote: bool) -> str | None:
    """Return the repository that is meant: one with a similar name, or the only one of its kind that nobody names."""
    document = review.document
    right = [name for name in document.named("Repository") if _is_kind(review, name, is_remote=is_remote)]
    close = difflib.get_close_matches(value, right, 1, 0.75)
    if close:
        return close[0]
    options = ("remoterepository", "localrepository")
    used = {document.get(one, option) for one in document.sections if one is not account for option in options}
    free = [name for name in right if name not in used]
    return free[0] if len(free) == 1 else None


def _is_kind(review: Review, name: str, *, is_remote: bool) -> bool:
    section = review.document.section(f"Repository {name}")
    return section is not None and is_remote_repository(review, section) is is_remote


def is_remote_repository(review: Review, section: Section) -> bool:
    """Is it a repository on a server? A type may be missing or misspelt."""
    if review.document.get(section, "localfolders"):
        return False
    kind = (review.document.get(section, "type") or "").lower()
    return kind in {"imap", "gmail"} or bool(review.document.find(section, "remotehost"))


def _add_maildir(review: Review, account: Section, repository: str, name: str) -> None:
    """Add the section of a Maildir that an account names and nobody wrote."""
    end = review.document.line_end
    section = Section(f"Repository {repository}", account.line, f"[Repository {repository}]{end}")
    for option, value in (("type", "Maildir"), ("localfolders", f"~/Mail/{as_value(name)}"), ("sep", "/")):
        section.write(option, value, end)
    section.parts.append(Part(account.line, [end]))
    review.document.sections.insert(review.document.sections.index(account) + 1, section)
    fact = f"[Repository {show(repository)}] is missing"
    review.mended("config-repository", account.line, "localrepository", fact, "OfflineIMAP ends with an error")
    review.set("config-repository", account, "localrepository", as_value(repository), "OfflineIMAP ends with an error")


def _lost_headers(review: Review) -> None:
    """Put back a header that a list or an account names, where the options of such a section stand without it."""
    for kind, name in _missing(review):
        for section in review.document.sections:
            options = section.options
            start = next(
                (part for index, part in enumerate(options) if _starts(kind, section, part, options[:index])), None
            )
            if start is not None:
                _begin_section(review, section, start, f"{kind} {name}")
                fact = f"[{kind} {show(name)}] is missing before this line"
                review.mended("config-section", start.line, start.name, fact, "OfflineIMAP looks for that section")
                return _lost_headers(review)
    return None


def _missing(review: Review) -> Iterator[tuple[str, str]]:
    """Yield the kinds and names of sections that are named and not there, nor any that is like it."""
    document = review.document
    for name in accounts(review):
        account = document.section(f"Account {name}")
        if account is None:
            if not difflib.get_close_matches(name.strip(), document.named("Account"), 1, 0.75):
                yield "Account", name.strip()
            continue
        for option in ("localrepository", "remoterepository"):
            value = document.get(account, option)
            if value and document.section(f"Repository {value}") is None:
                yield "Repository", value


def _starts(kind: str, section: Section, part: Part, before: Sequence[Part]) -> bool:
    """Does a section of this *kind* begin at *part*? Its options are of no use here, or are there a second time."""
    if part.name not in _MARKS[kind] or section.name == DEFAULT:
        return False
    is_foreign = not section.name.startswith(f"{kind} ")
    return is_foreign or part.name in {other.name for other in before}


def unresolved(review: Review, section: Section) -> None:
    """Mend the values of *section* whose references or per cent signs OfflineIMAP cannot read."""
    for part in section.options:
        try:
            review.document.resolve(section, part.raw)
        except BadValue as error:  # noqa: PERF203 - of some ten options
            value = _repaired(review, section, part.raw)
            try:
                review.document.resolve(section, value)
            except BadValue:
                remedy = Remedy("Write the value out, without references")
                review.report(
                    "config-percent", part.line, part.name, str(error), "OfflineIMAP ends with an error", remedy
                )
                continue
            review.set("config-percent", section, part.name, value, "OfflineIMAP ends with an error", str(error))


def _repaired(review: Review, section: Section, raw: str) -> str:
    """Return *raw* with a similar name for one that is not set, the ``s`` that is missing, or ``%%`` for ``%``."""
    names = [part.name for one in (section, review.document.section(DEFAULT)) if one for part in one.options]

    def repair(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return match[0]
        name = (match["name"] or "").lower()
        close = difflib.get_close_matches(name, names, 1, 0.8) if name else []
        return f"%({close[0]})s" if close else "%" + match[0]

    return re.sub(r"%%|%\((?P<name>[^()]+)\)s?|%", repair, raw)
