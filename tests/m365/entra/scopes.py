"""Which permissions exist, and what of a request's scopes ends up in a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .refusals import Refusal

if TYPE_CHECKING:
    from .people import Person

#: Asked for together with any resource (OpenID Connect Core §5.4, §11).
OPENID = frozenset({"openid", "profile", "email", "offline_access"})

#: Mail resources of the clouds (Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth").
MAIL = (
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "https://outlook.office365.us",
    "https://outlook-dod.office365.us",
    "https://partner.outlook.cn",
)
GRAPH = "https://graph.microsoft.com"

MAIL_PERMISSIONS = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")
KNOWN = frozenset(f"{resource}/{name}" for resource in MAIL for name in (*MAIL_PERMISSIONS, ".default"))


def check_scopes(scope: str | None) -> None:
    """Refuse scopes that do not exist (70011) or belong to more than one resource (700022)."""
    wanted = resource_scopes(scope)
    unknown = [one for one in wanted if one not in KNOWN]
    if unknown:
        raise Refusal(70011, scope=" ".join(unknown))
    if len({one.rpartition("/")[0] for one in wanted}) > 1:
        raise Refusal(700022)


def resource_scopes(scope: str | None) -> list[str]:
    """Return the scopes that belong to a resource, in the order asked for."""
    return [one for one in (scope or "").split() if one not in OPENID]


def resource(scope: str | None) -> str:
    """Return the audience of the access token: Graph if none was named (Microsoft: "Scopes")."""
    wanted = resource_scopes(scope)
    return wanted[0].rpartition("/")[0] if wanted else GRAPH


def permissions(scope: str | None) -> str:
    """Return the *scp* claim: the short names (Microsoft: "Access token claims reference")."""
    names = [one.rpartition("/")[2] for one in resource_scopes(scope)]
    return " ".join(MAIL_PERMISSIONS if names == [".default"] else names)


def granted(scope: str | None, person: Person | None) -> str:
    """Return *scope* without the permissions that were withheld from *person*."""
    withheld = person.withheld if person else frozenset[str]()
    return " ".join(one for one in (scope or "").split() if one.rpartition("/")[2] not in withheld)


def echo(scope: str | None) -> str:
    """Return the answer's *scope*: resource scopes as asked for, never offline_access (RFC 6749 §5.1)."""
    return " ".join(resource_scopes(scope)) or f"{GRAPH}/User.Read openid profile"
