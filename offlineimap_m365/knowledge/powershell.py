"""
Commands of Exchange Online PowerShell for an administrator: each repairs one thing that the doctor finds.

Sources: learn.microsoft.com, Set-CASMailbox, Add-MailboxPermission, New-ServicePrincipal; "Authenticate an IMAP, POP or
SMTP connection using OAuth" (which object id), "Enable or disable authenticated client SMTP submission" (a mailbox's
own setting counts more than the organisation's).
"""

from __future__ import annotations

import re

#: Words that PowerShell takes without quotes (about_Quoting_Rules, about_Splatting).
_PLAIN = re.compile(r"[A-Za-z0-9_.+][A-Za-z0-9_.+@-]*")
#: What PowerShell takes for a single quote, typographic ones included (about_Quoting_Rules; CharTraits.cs,
#: IsSingleQuote). Two of them stand for one.
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")


def switch_imap_on(mailbox: str) -> str:
    """Return the command that lets programs fetch mail from *mailbox*."""
    return f"Set-CASMailbox -Identity {quoted(mailbox)} -ImapEnabled $true"


def switch_smtp_on(mailbox: str) -> str:
    """Return the command that lets programs send mail as *mailbox*, whatever the organisation's own setting is."""
    return f"Set-CASMailbox -Identity {quoted(mailbox)} -SmtpClientAuthenticationDisabled $false"


def permit(mailbox: str, who: str) -> str:
    """Return the command that lets *who* (an address, or an application's object id) open *mailbox*."""
    return f"Add-MailboxPermission -Identity {quoted(mailbox)} -User {quoted(who)} -AccessRights FullAccess"


def introduce(client_id: str, object_id: str) -> str:
    """Return the command that registers an application, by the object id of the *enterprise* application."""
    return f"New-ServicePrincipal -AppId {quoted(client_id)} -ObjectId {quoted(object_id)}"


def quoted(text: str) -> str:
    """Return *text* as one word of PowerShell: in single quotes, which are doubled, unless it is plain."""
    return text if _PLAIN.fullmatch(text) else "'" + _QUOTES.sub(lambda quote: quote[0] * 2, text) + "'"
