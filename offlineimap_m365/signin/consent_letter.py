"""
Writes the letter to an administrator, with the address where they approve a client id.

No request is made. Source of the address: learn.microsoft.com/entra/identity-platform/v2-admin-consent; of who may
approve, and what that replaces: learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent; of what an
application needs: learn.microsoft.com, authenticate an IMAP, POP or SMTP connection using OAuth, "client credentials".
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import powershell, tables
from offlineimap_m365.signin.login_options import command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.signin.login_request import Plan

#: What each permission is for, by the end of its name. The last three belong to OpenID Connect, and to every sign-in.
_WHY = {
    "imap.accessasuser.all": "fetch and file my mail over IMAP",
    "smtp.send": "send mail as me over SMTP",
    "pop.accessasuser.all": "fetch my mail over POP",
    "offline_access": "stay signed in, so that mail is fetched in the background",
    "openid": "sign in at all",
    "profile": "see who signed in; a sign-in of another person is refused",
}
#: What must be switched on for the mailbox, by permission (learn.microsoft.com: Set-CASMailbox).
_SWITCHES = {
    "imap.accessasuser.all": "-ImapEnabled $true",
    "smtp.send": "-SmtpClientAuthenticationDisabled $false",
    "pop.accessasuser.all": "-PopEnabled $true",
}


def letter(plan: Plan) -> str:
    """Return the letter to the administrator, ready to be mailed; the address stands alone on its line."""
    client = tables.load("clients")["clients"].get(plan.provider.client_id, {})
    name, publisher = client.get("name"), client.get("publisher")
    has_secret = any(plan.chosen.get(option) for option in profiles.CREDENTIALS)
    scopes = [*plan.provider.scopes, "offline_access", "openid", "profile"]
    ends = {scope: scope.rpartition("/")[2].lower() for scope in scopes}
    client_id = f"client id {plan.provider.client_id}"
    return _fill(
        "consent.txt",
        plan,
        scopes,
        title=f"{name} ({client_id})" if name else client_id,
        purpose="programs such as OfflineIMAP and msmtp",
        account_quoted=powershell.quoted(plan.name),
        application=name or "shown under the client id in Entra's App registrations",
        publisher=publisher or "the owner of the client id",
        borrowed=f"uses {publisher}'s public client id" if client else "uses a client id registered for it",
        secret="the client secret is with me already"
        if has_secret
        else "no client secret, since a program on a user's computer keeps none",
        permissions="\n".join(f"  - {scope}\n      to {_WHY.get(ends[scope], 'what I asked for')}" for scope in scopes),
        switches=" ".join(_SWITCHES[end] for end in ends.values() if end in _SWITCHES),
    )


def letter_for_application(plan: Plan) -> str:
    """Return the letter about a client id that signs in without a person, with what Exchange must be told."""
    return _fill(
        "consent-app.txt",
        plan,
        ["https://ps.outlook.com/.default"],  # all permissions for mail that the registration names
        client_id_quoted=powershell.quoted(plan.provider.client_id),
        application="shown under the client id in Entra's App registrations",
    )


def _fill(template: str, plan: Plan, scopes: Sequence[str], **values: str) -> str:
    """Return the text of *template* with the *values*, and those that both letters need."""
    clients = tables.load("clients")
    client_id = plan.provider.client_id
    # Where it leads does not matter, since nobody listens; but it must be registered.
    page = clients["clients"].get(client_id, clients["other"])["paste"]
    redirect_uri = str(plan.chosen.get("redirect_uri") or page)
    asked = {"client_id": client_id, "scope": " ".join(scopes), "redirect_uri": redirect_uri, "state": errors.COMMAND}
    # "common" is refused there.
    place = f"{urlsplit(plan.provider.authority).netloc}/{quote(plan.tenant or 'organizations')}"
    values |= {
        "client_id": client_id,
        "address": f"https://{place}/v2.0/adminconsent?{urlencode(asked, quote_via=quote)}",
        "organisation": plan.tenant or "our organisation",
        "account": plan.name,
        "tenant": plan.tenant or "the one that the administrator signs in to",
        "redirect_uri": redirect_uri,
        "command": command_line("login", plan.name, chosen=plan.chosen),
    }
    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    shown = {key: "\n".join(map(errors.printable, value.splitlines())) for key, value in values.items()}
    return string.Template(text).substitute(shown)


def remarks(plan: Plan) -> list[str]:
    """Return what the person should know who sends the letter."""
    lines = ["Nothing was sent. Mail this to the administrator of your organisation's Microsoft 365."]
    if plan.tenant is None:
        lines.append(
            "The organisation (tenant) is not known, so the address leads to whichever the administrator signs in to;"
            " --tenant makes it exact."
        )
    return [*lines, *plan.remarks]
