"""
What somebody must know after a good sign-in: a permission that is missing, a guest's mailbox, IMAP switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import powershell, tables
from offlineimap_m365.knowledge.next_step import permissions

if TYPE_CHECKING:
    from collections.abc import Collection

    from offlineimap_m365.accounts.profiles import Account

#: Which programs do without a permission, by our name of it.
_WITHOUT = {
    "imap": "Reading mail (IMAP) was not granted: OfflineIMAP and others that fetch will not work",
    "smtp": "Sending mail (SMTP) was not granted: msmtp and others that send will not work",
    "pop": "Fetching mail by POP was not granted: programs that do will not work",
}


def lines_after(account: Account, asked: Collection[str]) -> list[str]:
    """Return what somebody who just signed in and *asked* for these scopes must know: a line each."""
    if account.is_app_only:
        return _for_administrators(account)
    again = errors.login_command(account.name)
    missing = permissions(asked) - permissions(account.scopes)
    lines = [f"{_WITHOUT[name]} with this sign-in." for name in _WITHOUT if name in missing]
    if missing and account.is_personal:
        lines.append(f"To ask for it again: {again}")
    elif missing:
        consent = f"{errors.COMMAND} consent {errors.quoted(account.name)}"
        lines.append(f"To have it approved: {consent}; then run: {again}")
    if account.home_tenant is not None:
        who = account.identity or account.name
        lines.append(f"{who} is a guest here, and guests have no mailbox in the organisation that invited them.")
        lines.append(f"For the mailbox at home: {again} --tenant {errors.quoted(account.home_tenant or 'TENANT')}")
    if account.is_personal and "imap" not in missing:
        switch = tables.load("clouds")["consumers"]["imap_switch"]
        lines.append("Outlook.com lets no program read mail until you switch IMAP on, in its Settings, under Mail,")
        lines.append(f"Forwarding and IMAP: {switch}")
    return lines


def _for_administrators(account: Account) -> list[str]:
    """
    Return what an application still lacks before it opens a mailbox.

    Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth", "Register service principals in Exchange".
    """
    return [
        "No person signed in. The token opens no mailbox by itself: in Exchange Online PowerShell an administrator",
        "runs once, with the object id of the enterprise application (not the one of the app registration):",
        f"  {powershell.introduce(account.client_id, 'OBJECT_ID')}",
        "and for each mailbox:",
        f"  {powershell.permit('MAILBOX', 'OBJECT_ID')}",
        f"Then: {errors.COMMAND} config {errors.quoted(account.name)} --mailbox @FILE, with one address on each line",
    ]
