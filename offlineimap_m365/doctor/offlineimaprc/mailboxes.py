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
from offlineimap_m365.doctor.offlineimaprc import structure
from offlineimap_m365.knowledge import tables
from offlineimap_m365.recipes import targets

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.offlineimaprc.document import Section
    from offlineimap_m365.doctor.offlineimaprc.findings import Review

TOKEN_LINE = "oauth2_access_token_eval"  # noqa: S105 - the option
#: Options by whose values a mailbox of Microsoft's, or a program that signs in there, is known.
_TELLING = ("remotehost", "oauth2_request_url", TOKEN_LINE, "oauth2_refresh_token_eval", "oauth2_access_token")
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
        return cls(signed_in, frozenset(_host(place) for place in [*places, *(a.imap for a in signed_in.values())]))

    def account(self, name: str) -> Account | None:
        """Return who is signed in under *name*, compared as accounts are (NFC, without case)."""
        try:
            return self.signed_in.get(profiles.clean_name(name).lower())
        except errors.WrongUsage:
            return None

    def similar(self, address: str) -> Account | None:
        """Return the account whose address *address* misspells: by one letter or two that changed places."""
        names = [name for name in self.signed_in if are_similar(name, address.lower())]
        return self.signed_in[names[0]] if len(names) == 1 else None


@dataclasses.dataclass(frozen=True)
class Mailbox:
    """
    A mailbox that the file's account *name* syncs, with its sections.

    *address* is whose mail it is, empty if Python of the user's says so. *account* is who signs in for it, with the
    defaults of that address where nobody did.
    """

    name: str
    section: Section
    remote: Section
    local: Section
    address: str
    account: Account


def find(review: Review, known: Known) -> list[Mailbox]:
    """Return the mailboxes of Microsoft's that the file syncs."""
    document, mailboxes = review.document, []
    for name in structure.accounts(review):
        section = document.section(f"Account {name}")
        if section is None:
            continue
        names = [document.get(section, option) for option in ("remoterepository", "localrepository")]
        remote, local = (document.section(f"Repository {one}") for one in names)
        if remote is not None and local is not None and is_microsoft(review, remote, known):
            address = (document.get(remote, "remoteuser") or "").strip()
            account = known.account(address) or _named_account(review, remote, known) or targets.defaults(address)
            mailboxes.append(Mailbox(name, section, remote, local, address, account))
    return mailboxes


def unlisted(review: Review, known: Known) -> list[Section]:
    """Return the accounts that are mailboxes of Microsoft's and that ``accounts`` does not name."""
    document, names = review.document, structure.accounts(review)
    sections = [document.section(f"Account {name}") for name in document.named("Account") if name not in names]
    remotes = [
        (one, document.section(f"Repository {document.get(one, 'remoterepository')}")) for one in sections if one
    ]
    return [one for one, remote in remotes if remote is not None and is_microsoft(review, remote, known)]


def _named_account(review: Review, remote: Section, known: Known) -> Account | None:
    """Return the signed-in account whose address stands in the line that gives the token."""
    line = review.document.get(remote, TOKEN_LINE) or ""
    return next((account for name, account in known.signed_in.items() if name in line.lower()), None)


def is_microsoft(review: Review, remote: Section, known: Known) -> bool:
    """Is it, or was it meant to be, a mailbox of Microsoft's?"""
    document = review.document
    host = (document.get(remote, "remotehost") or "").lower()
    if (document.get(remote, "type") or "").startswith("Gmail"):
        return host in known.hosts
    values = [part.raw for option in _TELLING if (part := document.find(remote, option))]
    words = re.findall(r"\w+", " ".join(values[1:]))
    is_ours = any(difflib.get_close_matches(word, ["get_access_token", "get_refresh_token"], 1, 0.85) for word in words)
    is_near = bool(host and difflib.get_close_matches(host, known.hosts, 1, 0.85))
    is_known = not host and known.account(document.get(remote, "remoteuser") or "") is not None
    return is_near or is_ours or is_known or bool(_MICROSOFT.search(" ".join(values)))


def are_similar(one: str, other: str) -> bool:
    """Do two addresses differ by a typing error? Not in digits: ``team1`` and ``team2`` are two mailboxes."""
    parts = list(zip(one.rpartition("@")[::2], other.rpartition("@")[::2], strict=True))
    ratios = sorted(difflib.SequenceMatcher(None, *pair).ratio() for pair in parts)
    return ratios[1] == 1.0 and 0.75 < ratios[0] < 1.0 and re.sub(r"\D", "", one) == re.sub(r"\D", "", other)  # noqa: PLR2004


def _host(place: str) -> str:
    return place.rpartition(":")[0].strip("[]").lower()
