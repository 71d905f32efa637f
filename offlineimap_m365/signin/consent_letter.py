"""
Writes the letter to an administrator, with the address where they approve a client id.

No request is made. Source of the address: learn.microsoft.com/entra/identity-platform/v2-admin-consent; of who may
approve, and what that replaces: learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent; of what an
application needs: learn.microsoft.com, authenticate an IMAP, POP or SMTP connection using OAuth, "client credentials".
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import powershell, tables
from offlineimap_m365.signin.login_options import command_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
_ALWAYS = ("offline_access", "openid", "profile")
#: All permissions for mail that the registration names, for an application.
_APPLICATION_SCOPE = "https://ps.outlook.com/.default"
#: What must be switched on for the mailbox, by permission (learn.microsoft.com: Set-CASMailbox).
_SWITCHES = {
    "imap.accessasuser.all": "-ImapEnabled $true",
    "smtp.send": "-SmtpClientAuthenticationDisabled $false",
    "pop.accessasuser.all": "-PopEnabled $true",
}


def _address(plan: Plan, scopes: Sequence[str]) -> str:
    """Return where an administrator approves the client id of *plan* and the permissions *scopes*."""
    where = urlsplit(plan.provider.authority)
    asked = {
        "client_id": plan.provider.client_id,
        "scope": " ".join(scopes),
        "redirect_uri": _redirect_uri(plan),
        "state": errors.COMMAND,
    }
    # "common" is refused there.
    base = f"https://{where.netloc}/{quote(plan.tenant or 'organizations')}/v2.0/adminconsent"
    return f"{base}?{urlencode(asked, quote_via=quote)}"


def letter(plan: Plan) -> str:
    """Return the letter to the administrator, ready to be mailed; the address stands alone on its line."""
    client = _client(plan)
    name, publisher = client.get("name"), client.get("publisher")
    has_secret = any(plan.chosen.get(name) for name in profiles.CREDENTIALS)
    scopes = [*plan.provider.scopes, *_ALWAYS]
    ends = [scope.rpartition("/")[2].lower() for scope in scopes]
    permissions = [
        f"  - {scope}\n      to {_WHY.get(end, 'what I asked for')}" for scope, end in zip(scopes, ends, strict=True)
    ]
    values = {
        **_values(plan, scopes),
        "title": f"{name} (client id {plan.provider.client_id})" if name else f"client id {plan.provider.client_id}",
        "purpose": "programs such as OfflineIMAP and msmtp",
        "account_quoted": powershell.quoted(plan.name),
        "application": name or "shown under the client id in Entra's App registrations",
        "publisher": publisher or "the owner of the client id",
        "borrowed": f"uses {publisher}'s public client id" if client else "uses a client id registered for it",
        "secret": "the client secret is with me already"
        if has_secret
        else "no client secret, since a program on a user's computer keeps none",
        "permissions": "\n".join(permissions),
        "switches": " ".join(_SWITCHES[end] for end in ends if end in _SWITCHES),
    }
    return _fill("consent.txt", values)


def letter_for_application(plan: Plan) -> str:
    """Return the letter about a client id that signs in without a person, with what Exchange must be told."""
    values = {
        **_values(plan, [_APPLICATION_SCOPE]),
        "client_id_quoted": powershell.quoted(plan.provider.client_id),
        "application": "shown under the client id in Entra's App registrations",
    }
    return _fill("consent-app.txt", values)


def _values(plan: Plan, scopes: Sequence[str]) -> dict[str, str]:
    """Return the values that both letters need."""
    return {
        "client_id": plan.provider.client_id,
        "address": _address(plan, scopes),
        "organisation": plan.tenant or "our organisation",
        "account": plan.name,
        "tenant": plan.tenant or "the one that the administrator signs in to",
        "redirect_uri": _redirect_uri(plan),
        "command": command_line("login", plan.name, chosen=plan.chosen),
    }


def _fill(template: str, values: Mapping[str, str]) -> str:
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
    if plan.cloud not in (None, "global") and _client(plan):
        lines.append(
            f"{_client(plan)['name']}'s client id is not registered in this national cloud: one of your own is needed,"
            " --client-id."
        )
    return lines


def _client(plan: Plan) -> Mapping[str, Any]:
    """Return our row about the client id, an empty one if it is not known."""
    row: Mapping[str, Any] = tables.load("clients")["clients"].get(plan.provider.client_id, {})
    return row


def _redirect_uri(plan: Plan) -> str:
    """Return a redirect URI as registered; where it leads does not matter, since nobody listens."""
    clients = tables.load("clients")
    return str(plan.chosen.get("redirect_uri") or (_client(plan) or clients["other"])["paste"])
