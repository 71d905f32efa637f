"""
Which mailboxes of Microsoft's an offlineimaprc syncs, and whether its accounts and repositories find each other.

Repositories of other providers are nobody's business here.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc import evals, pythonfile, settings, writing
from offlineimap_m365.knowledge import tables
from offlineimap_m365.recipes import targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

#: What belongs to Microsoft, or to a program that signs in there, wherever it stands in a repository's section.
_MICROSOFT = re.compile(
    r"office365|outlook\.com|hotmail|microsoftonline|offlineimap-m365|get-refresh-token|get-access-token", re.IGNORECASE
)
_TELLING = ("remotehost", "oauth2_request_url", "oauth2_access_token_eval", "oauth2_refresh_token_eval")


@dataclasses.dataclass(frozen=True)
class Box:
    """
    A mailbox that the file's account *name* syncs, with the sections *remote* and *local* (None: not there).

    *account* is who signs in, with the defaults where nobody did; *subject* their examination, None if they were not
    examined; *mailbox* whose mail it is.
    """

    name: str
    remote: str
    local: str | None
    account: Account
    subject: Subject | None
    mailbox: str

    @property
    def section(self) -> str:
        """The section of the account itself."""
        return f"Account {self.name}"


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known before the file is read, once for all its sections: *accounts* by their names, and mail *hosts*."""

    accounts: dict[str, Account]
    hosts: frozenset[str]

    @classmethod
    def here(cls) -> Known:
        """Look at the accounts of this home."""
        found = {account.name.lower(): account for account in _accounts()}
        return cls(found, frozenset({_host(account.imap) for account in found.values()} | _hosts()))


def find(rc: Rc, subjects: Sequence[Subject]) -> tuple[list[Check], list[Box]]:
    """Return what is wrong with accounts and repositories, and the mailboxes that could be found."""
    found = _general(rc)
    if found:
        return [found], []
    known = Known.here()
    checks: list[Check] = []
    boxes: list[Box] = []
    for name in _listed(rc):
        problem = _missing_account(rc, name) or _missing_repository(rc, name, known)
        if problem:
            checks.append(problem)
            continue
        section = f"Repository {rc.get(f'Account {name}', 'remoterepository')}"
        if rc.has_section(section) and is_ours(rc, section, known):
            boxes.append(_box(rc, name, section, subjects, known))
    return [*checks, *_shared_maildirs(rc, boxes)], boxes


def names(rc: Rc) -> Iterator[Check]:
    """Yield what is wrong with the names of mailboxes, before anything is looked up by them."""
    known = Known.here()
    for section in rc.sections():
        if is_ours(rc, section, known):
            yield from settings.user(rc, section)


def is_ours(rc: Rc, section: str, known: Known) -> bool:
    """Is *section* a remote repository that is, or was meant to be, a mailbox of Microsoft's?"""
    if not section.startswith("Repository "):
        return False
    if (rc.get(section, "type") or "").startswith("Gmail"):
        return (rc.get(section, "remotehost") or "").lower() in known.hosts
    said = " ".join(rc.get(section, option) or rc.raw_or_nothing(section, option) for option in _TELLING)
    if _MICROSOFT.search(said) or (rc.get(section, "remotehost") or "").lower() in known.hosts:
        return True
    words = set(re.findall(r"[A-Za-z_]\w+", " ".join(rc.raw_or_nothing(section, option) for option in _TELLING[2:])))
    tokens = [name for name in pythonfile.OURS if name.startswith("get_")]
    return any(difflib.get_close_matches(word, tokens, 1, 0.85) for word in words)


def maildir(rc: Rc, box: Box) -> Path | None:
    """Return where the mailbox's Maildir is, None if that is not said."""
    value = rc.get(box.local, "localfolders") if box.local else None
    return pythonfile.expanded(value) if value else None


def _hosts() -> set[str]:
    table = tables.load("clouds")
    rows = [*table["clouds"].values(), table["consumers"]]
    return {_host(row["imap"]) for row in rows}


def _host(place: str) -> str:
    return place.rpartition(":")[0]


def _accounts() -> list[Account]:
    """Return the accounts whose profiles can be read; what is wrong with others is found elsewhere."""
    found = []
    try:
        names = profiles.names()
    except errors.M365Error:
        return []
    for name in names:
        try:
            account = profiles.load(name)
        except errors.M365Error:
            continue
        if account is not None:
            found.append(account)
    return found


def _listed(rc: Rc) -> list[str]:
    """Return the accounts that are synced, as OfflineIMAP takes them apart (its init.py, _get_activeaccounts)."""
    names = (rc.get("general", "accounts") or "").replace(" ", "").replace("\n", "").split(",")
    return [name for name in dict.fromkeys(names) if name]


def _sections(rc: Rc, kind: str) -> list[str]:
    return [section.removeprefix(f"{kind} ") for section in rc.sections() if section.startswith(f"{kind} ")]


def _general(rc: Rc) -> Check | None:
    """Is there a [general] that names accounts?"""
    there = _sections(rc, "Account")
    if rc.has_section("general"):
        if _listed(rc):
            return None
        said = "No accounts are named, so that OfflineIMAP syncs nothing"
        return writing.set_to(rc, "config-accounts", "general", "accounts", ", ".join(there) or "m365", said)
    slip = next((section for section in rc.sections() if section.lower() == "general"), None)
    slip = slip or next(iter(difflib.get_close_matches("general", rc.sections(), 1, 0.7)), None)
    said = "There is no section [general], in which OfflineIMAP looks for accounts"
    if slip:
        line = rc.place(slip).line
        return writing.instead(rc, "config-accounts", (line, line), ["[general]"], said)
    if there:
        line = rc.place(f"Account {there[0]}").line
        lines = ["[general]", f"accounts = {', '.join(there)}", "", rc.lines[line - 1]]
        return writing.instead(rc, "config-accounts", (line, line), lines, said)
    path = errors.quoted(str(rc.path))
    return writing.commanded(rc.path, "config-accounts", said, f"Run: {errors.COMMAND} config offlineimap >>{path}")


def _missing_account(rc: Rc, name: str) -> Check | None:
    """Has the account a section?"""
    if rc.has_section(f"Account {name}"):
        return None
    slip = _header(rc, "config-accounts", f"Account {name}")
    if slip:
        return slip
    there = _sections(rc, "Account")
    close = difflib.get_close_matches(name, [one for one in there if one not in _listed(rc)], 1, 0.6)
    spaced = [one for one in there if one.replace(" ", "") == name]
    said = f"The account {writing.show(name)} has no section"
    if spaced:
        line = rc.place(f"Account {spaced[0]}").line
        said += " that OfflineIMAP could find: it takes spaces out of the names of accounts"
        return writing.instead(rc, "config-accounts", (line, line), [f"[Account {name}]"], said)
    names = [*dict.fromkeys(close[0] if close and one == name else one for one in _listed(rc))]
    if not close:
        names.remove(name)
    if not names:
        names = there or [name]
    return writing.replaced(rc, "config-accounts", "general", "accounts", ", ".join(names), said)


def _missing_repository(rc: Rc, name: str, known: Known) -> Check | None:
    """Has the account two repositories, which are there? Only of accounts that sync a mailbox of Microsoft's."""
    section = f"Account {name}"
    remote = rc.get(section, "remoterepository")
    section_there = f"Repository {remote}"
    is_local = rc.get(section_there, "type") in _MAILDIRS and not is_ours(rc, section_there, known)
    if not remote or not rc.has_section(section_there) or is_local:
        taken = {rc.get(f"Account {one}", "remoterepository") for one in _sections(rc, "Account")}
        there = _sections(rc, "Repository")
        free = [one for one in there if one not in taken and is_ours(rc, f"Repository {one}", known)]
        close = difflib.get_close_matches(remote or name, free, 1, 0.5) or free[:1]
        slip = None if is_local else _header(rc, "config-repository", f"Repository {remote}")
        return slip or (_rename(rc, section, "remoterepository", remote, close[0]) if close else None)
    local = rc.get(section, "localrepository")
    if (rc.has_section(f"Repository {local}") and local != remote) or not is_ours(rc, f"Repository {remote}", known):
        return None
    there = _sections(rc, "Repository")
    used = {rc.get(f"Account {one}", which) for one in _sections(rc, "Account") for which in _SIDES}
    maildirs = [one for one in there if one not in used and rc.get(f"Repository {one}", "localfolders")]
    close = difflib.get_close_matches(local or name, maildirs, 1, 0.5) or maildirs[:1]
    if close:
        return _rename(rc, section, "localrepository", local, close[0])
    wanted = local or f"{name}-local"
    line = rc.place(section).line
    lines = [
        f"[Repository {wanted}]",
        "type = Maildir",
        f"localfolders = ~/Mail/{name}",
        "sep = /",
        "",
        rc.lines[line - 1],
    ]
    if local is None:
        lines.append(f"localrepository = {wanted}")
    said = f"The account {writing.show(name)} has no local repository"
    return writing.instead(rc, "config-repository", (line, line), lines, said)


_SIDES = ("localrepository", "remoterepository")
_MAILDIRS = ("Maildir", "GmailMaildir")


def _header(rc: Rc, name: str, wanted: str) -> Check | None:
    """Return that the section *wanted* is there, but for its capital letters or spaces, None if it is not."""
    plain = wanted.lower().split()
    for section in rc.sections():
        if section.lower().split() == plain and section != wanted:
            line = rc.place(section).line
            said = f"The section {writing.show(section)} is not found, since OfflineIMAP looks for {wanted}"
            return writing.instead(rc, name, (line, line), [f"[{wanted}]"], said)
    return None


def _rename(rc: Rc, section: str, option: str, found: str | None, right: str) -> Check:
    is_there = rc.has_section(f"Repository {found}")
    wrong = "is not one" if is_there else "has no section"
    said = f"{option} names {writing.show(found)}, which {wrong}" if found else f"There is no {option}"
    return writing.set_to(rc, "config-repository", section, option, writing.quoted(right), said)


def _box(rc: Rc, name: str, remote: str, subjects: Sequence[Subject], known: Known) -> Box:
    local = f"Repository {rc.get(f'Account {name}', 'localrepository')}"
    user = errors.printable(rc.get(remote, "remoteuser") or "").strip()  # it gets into commands
    wanted = evals.asked_account(rc.get(remote, "oauth2_access_token_eval") or "") or ""
    account = _named(known, wanted) or _named(known, user) or _closest(wanted or user, known)
    if account is None:
        address = _address(wanted) or _address(user)
        first = next(iter(known.accounts.values()), None)
        account = first if first and not address else targets.defaults(address or "you@example.org")
    subject = next((one for one in subjects if one.name.lower() == account.name.lower()), None)
    return Box(name, remote, local if rc.has_section(local) else None, account, subject, user or account.name)


def _address(text: str) -> str | None:
    try:
        return profiles.clean_name(text) if "@" in text else None
    except errors.M365Error:
        return None


def _named(known: Known, name: str) -> Account | None:
    return known.accounts.get(name.lower())


def _closest(wanted: str, known: Known) -> Account | None:
    return next((account for name, account in known.accounts.items() if evals.are_alike(wanted, name)), None)


def examine(rc: Rc, box: Box) -> Iterator[Check]:
    """Yield what is wrong with the types of the repositories: can they be what they are?"""
    for section, right, allowed in (
        (box.remote, "IMAP", {"IMAP"}),
        (box.local, "Maildir", {"Maildir", "GmailMaildir", "IMAP"}),
    ):
        if section is None:
            continue
        found = rc.get(section, "type")
        if found is None or found.strip() not in allowed:
            said = f"A repository of the type {writing.show(found)} cannot be this one" if found else "There is no type"
            yield writing.set_to(rc, "config-type", section, "type", right, said)
    if box.local and rc.get(box.local, "type") == "Maildir" and not rc.get(box.local, "localfolders"):
        place = writing.quoted(f"~/Mail/{box.name}")
        said = "No directory for the mail is named"
        yield writing.set_to(rc, "config-localfolders", box.local, "localfolders", place, said)
        return
    found = (rc.get(box.local, "localfolders") or "").strip() if box.local else ""
    bare = found.strip("\"'")
    if found and (bare != found or not bare.startswith(("/", "~", "$"))):
        said = f"{writing.show(found)} is another directory wherever OfflineIMAP is started, from cron for example"
        right = writing.quoted(bare if bare.startswith(("/", "~", "$")) else f"~/{bare}")
        yield writing.replaced(rc, "config-localfolders", str(box.local), "localfolders", right, said)


def _shared_maildirs(rc: Rc, boxes: list[Box]) -> Iterator[Check]:
    """Do two accounts sync into one Maildir? Then each deletes what the other brought."""
    seen: dict[str, str] = {}
    for name in _listed(rc):
        section = f"Repository {rc.get(f'Account {name}', 'localrepository')}"
        folder = rc.get(section, "localfolders")
        if not folder:
            continue
        path = os.path.realpath(pythonfile.expanded(folder))
        other = seen.setdefault(path, name)
        if other == name or not any(box.name in {name, other} for box in boxes):
            continue
        said = f"The accounts {other} and {name} sync into the same Maildir, where each deletes what the other brought"
        if section == f"Repository {rc.get(f'Account {other}', 'localrepository')}":
            yield _own_repository(rc, name, said)
        else:
            right = writing.quoted(f"{folder.rstrip('/')}-{name}")
            yield writing.replaced(rc, "config-same-maildir", section, "localfolders", right, said)


def _own_repository(rc: Rc, name: str, said: str) -> Check:
    """Return the advice for two accounts with one local repository: one of its own, in front of the account."""
    place = rc.place(f"Account {name}", "localrepository")
    header = rc.place(f"Account {name}").line
    kept = [line for number, line in enumerate(rc.lines[header - 1 : place.last], header) if number < place.line]
    lines = [
        f"[Repository {name}-own-local]",
        "type = Maildir",
        f"localfolders = ~/Mail/{name}-own",
        "sep = /",
        "",
        *kept,
    ]
    lines.append(f"localrepository = {name}-own-local")
    return writing.instead(rc, "config-same-maildir", (header, place.last), lines, said)
