"""
Which accounts of an offlineimaprc are mailboxes of Microsoft's, and who signs in for them.

Repositories of other providers are never looked at further.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.doctor.offlineimaprc.reader import similar
from offlineimap_m365.knowledge import tables
from offlineimap_m365.recipes import targets

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.offlineimaprc.document import Document, Section
    from offlineimap_m365.doctor.offlineimaprc.findings import Review
    from offlineimap_m365.doctor.offlineimaprc.python_lines import Names

TOKEN_LINE = "oauth2_access_token_eval"  # noqa: S105 - the option
REMOTE, LOCAL = "remoterepository", "localrepository"
#: Options by whose values a program that signs in at Microsoft is known.
_TELLING = ("oauth2_request_url", TOKEN_LINE, "oauth2_refresh_token_eval", "oauth2_access_token")
_MICROSOFT = re.compile(
    r"office365|outlook\.com|hotmail|microsoftonline|offlineimap-m365|get_(access|refresh)_token", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known before the file is read: who is signed in, by name in small letters, and Microsoft's mail hosts."""

    signed_in: dict[str, Account]
    hosts: frozenset[str]

    @classmethod
    def here(cls) -> Known:
        """Look at this home; a profile that cannot be read has a check of its own."""
        signed_in = {}
        for name in profiles.names_if_readable():
            try:
                account = profiles.load(name)
            except errors.M365Error:
                continue
            if account is not None and account.is_signed_in:
                signed_in[account.name.lower()] = account
        table = tables.load("clouds")
        places = [row["imap"] for row in (*table["clouds"].values(), table["consumers"])]
        places += [account.imap for account in signed_in.values()]
        return cls(signed_in, frozenset(place.rpartition(":")[0].strip("[]").lower() for place in places))

    def account(self, name: str | None) -> Account | None:
        """Return who is signed in under *name*, compared as accounts are (NFC, without case)."""
        try:
            return self.signed_in.get(profiles.clean_name(name or "").lower())
        except errors.WrongUsage:
            return None

    def similar(self, address: str) -> Account | None:
        """Return the account whose address *address* misspells, or whose name before the @ it is."""
        address = address.lower()
        names = [name for name in self.signed_in if are_similar(name, address) or name.partition("@")[0] == address]
        return self.signed_in[names[0]] if len(names) == 1 else None


@dataclasses.dataclass(frozen=True)
class Mailbox:
    """A mailbox of Microsoft's that the file's account *name* syncs: its sections, and what the rules need besides."""

    name: str
    account_section: Section
    remote: Section
    local: Section
    review: Review
    document: Document
    known: Known
    names: Names

    @property
    def address(self) -> str:
        """Whose mail it is."""
        return (self.document.get(self.remote, "remoteuser") or "").strip()

    @property
    def account(self) -> Account:
        """Who signs in for it: the account of its address, else one in the line of the token, else the defaults."""
        line = (self.document.get(self.remote, TOKEN_LINE) or "").lower()
        named = [account for name, account in self.known.signed_in.items() if name in line]
        return self.known.account(self.address) or next(iter(named), None) or targets.defaults(self.address)


def account_names(review: Review) -> list[str]:
    """Return the accounts that are synced, as OfflineIMAP reads the list (init.py, _get_activeaccounts)."""
    value = review.document.get(review.general, "accounts") or ""
    return [name.lstrip() for name in value.split(",") if name.strip()]


def find(review: Review, known: Known, names: Names) -> tuple[list[Mailbox], list[Section]]:
    """Return the mailboxes of Microsoft's that the file syncs, and the accounts that it could sync and does not."""
    document, active = review.document, account_names(review)
    repositories = document.named("Repository")
    boxes, unlisted = [], []
    for name, account in document.named("Account").items():
        remote, local = (repositories.get(document.get(account, option) or "") for option in (REMOTE, LOCAL))
        if remote is None or not is_microsoft(document, remote, known):
            continue
        if name not in active:
            unlisted.append(account)
        elif local is not None:
            boxes.append(Mailbox(name, account, remote, local, review, document, known, names))
    return boxes, unlisted


def is_microsoft(document: Document, remote: Section, known: Known) -> bool:
    """Is it, or was it meant to be, a mailbox of Microsoft's?"""
    host = (document.get(remote, "remotehost") or "").lower()
    if (document.get(remote, "type") or "").startswith("Gmail"):
        return host in known.hosts
    if (not host and known.account(document.get(remote, "remoteuser"))) or similar(host, known.hosts, 0.85):
        return True
    text = " ".join([host, *(part.raw for option in _TELLING if (part := document.find(remote, option)))])
    ours = ["get_access_token", "get_refresh_token"]
    return bool(_MICROSOFT.search(text)) or any(similar(word, ours, 0.85) for word in re.findall(r"\w+", text))


def are_similar(one: str, other: str) -> bool:
    """Do two addresses differ by a typing error? Not in digits: ``team1`` and ``team2`` are two mailboxes."""
    parts = list(zip(one.rpartition("@")[::2], other.rpartition("@")[::2], strict=True))
    ratios = sorted(difflib.SequenceMatcher(None, *pair).ratio() for pair in parts)
    return ratios[1] == 1.0 and 0.75 < ratios[0] < 1.0 and re.sub(r"\D", "", one) == re.sub(r"\D", "", other)  # noqa: PLR2004
