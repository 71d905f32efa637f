"""
Finds out where the owner of a mail address signs in: in which organisation (tenant) and cloud, or personally.

OpenID discovery answers for a domain before anybody signed in; the answer is a hint, never an error. The cloud follows
from ``cloud_instance_name`` and ``tenant_region_sub_scope``: the worldwide sign-in also answers for tenants of the US
Government (learn.microsoft.com/entra/external-id/b2b-government-national-clouds).
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.folders import learned
from offlineimap_m365.knowledge import tables
from offlineimap_m365.provider.http_client import get_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.profiles import Account

#: A domain as it may stand in an address.
_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+")
#: What every issuer of Microsoft's begins with: a host, and the tenant's id (OpenID Connect Discovery 1.0 §3).
_ISSUER = re.compile(r"https://[^/]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=/|$)", re.IGNORECASE)
#: Where everybody may sign in, organisations and personal accounts (learn.microsoft.com: OpenID Connect, "tenant").
EVERYBODY, PERSONAL = "common", "consumers"


@dataclasses.dataclass(frozen=True)
class Place:
    """
    Where somebody signs in: the *tenant* of the address and the *cloud* (a key of clouds.json).

    *remarks* are to be told before the sign-in. *is_unknown*: Microsoft was asked and does not know the domain.
    """

    tenant: str
    cloud: str
    remarks: tuple[str, ...] = ()
    is_unknown: bool = False


def place(
    name: str, chosen: Mapping[str, Any], before: Account | None, *, is_default_client: bool, may_ask: bool = True
) -> Place:
    """
    Return where the owner of *name* signs in: as *chosen*, else by the domain, else where everybody may sign in.

    *before* is the saved account. A personal account signs in at ``common`` with Thunderbird's client id, as
    Thunderbird does; with another one at ``consumers``, since a registration for personal accounts only is refused
    elsewhere (AADSTS9002331), and one for organisations only is refused at both. Without *may_ask* nobody is asked.
    """
    cloud = chosen.get("cloud")
    if chosen.get("tenant"):
        found = Place(str(chosen["tenant"]), str(cloud or "global"))
    elif cloud in (None, "global") and is_personal(name, chosen, before):
        return Place(EVERYBODY if is_default_client else PERSONAL, "global")
    else:
        owner, is_unknown = _as_before(before), False
        if may_ask:
            with contextlib.suppress(errors.Temporary):
                names = filter(None, (chosen.get("identity"), name, before.identity if before else None))
                domains = dict.fromkeys(text.rpartition("@")[2].lower() for text in names)
                owner = next(filter(None, (find(domain, str(cloud or "global")) for domain in domains)), None)
                is_unknown = owner is None
        found = owner or Place(EVERYBODY, "global", is_unknown=is_unknown)
        found = dataclasses.replace(found, cloud=str(cloud or found.cloud))
    remarks = _remarks(found.cloud, name, is_chosen=bool(cloud), is_default_client=is_default_client)
    return dataclasses.replace(found, remarks=remarks)


def is_personal(name: str, chosen: Mapping[str, Any], before: Account | None) -> bool:
    """Return whether it is a personal account: as *chosen*, as the last sign-in (*before*) showed, else by the name."""
    tenant = chosen.get("tenant")
    if tenant and tenant != EVERYBODY:
        return tenant in (PERSONAL, learned.PERSONAL_TENANT)
    if before is not None and before.tenant:
        return before.is_personal
    return tables.is_consumer(str(chosen.get("identity") or name))


def find(name: str, cloud: str) -> Place | None:
    """
    Return the organisation that owns the domain of *name*, as the sign-in of *cloud* says; None if it knows none.

    Another cloud learns of a domain only if its end names the country. Raises Temporary if there is no answer now.
    """
    domain = _domain(name)
    if domain is None or tables.is_consumer(name):
        return None
    clouds = tables.load("clouds")["clouds"]
    elsewhere = [key for key, row in clouds.items() if domain.endswith(tuple(row.get("domains", [])))]
    hosts = dict.fromkeys(clouds[key]["login"] for key in [cloud, *(elsewhere if cloud == "global" else [])])
    answers = (get_json(f"https://{host}/{quote(domain)}/v2.0/.well-known/openid-configuration") for host in hosts)
    return next(filter(None, (_read(answer, clouds) for answer in answers)), None)


def _as_before(before: Account | None) -> Place | None:
    """Return where the last login was: the best guess without an answer."""
    if before is None or before.cloud is None:
        return None
    return Place(before.tenant or urlsplit(before.authority).path.strip("/") or EVERYBODY, before.cloud)


def _domain(name: str) -> str | None:
    """Return the domain of *name* as DNS knows it, None if it has none."""
    try:
        domain = name.rpartition("@")[2].encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return domain if _DOMAIN.fullmatch(domain) else None


def _read(answer: Mapping[str, Any], clouds: Mapping[str, Any]) -> Place | None:
    """Return the tenant and cloud in an OpenID configuration, None if it names no tenant."""
    tenant = _ISSUER.match(str(answer.get("issuer", "")))
    if tenant is None:
        return None
    instance, part = answer.get("cloud_instance_name"), answer.get("tenant_region_sub_scope")
    fitting = [key for key, row in clouds.items() if row["instance"] == instance]
    exact = [key for key in fitting if clouds[key]["sub_scope"] == part]
    usual = [key for key in fitting if not clouds[key]["sub_scope"]]
    return Place(tenant.group(1), next(iter(exact or usual), "global"))


def _remarks(cloud: str, name: str, *, is_chosen: bool, is_default_client: bool) -> tuple[str, ...]:
    """Return what to say about a national *cloud* (entra-docs, authentication-national-cloud)."""
    if cloud == "global":
        return ()
    title = tables.load("clouds")["clouds"][cloud]["title"]
    where = f"{_domain(name)} belongs to {title}, so you sign in there (--cloud {cloud})."
    registered = "That cloud takes only client ids that are registered in it."
    if is_default_client:
        registered += " Mozilla Thunderbird's is not, so the sign-in will be refused: name one with --client-id ID."
    return (registered,) if is_chosen else (where, registered)


def discover(authority: str) -> dict[str, str]:
    """
    Request the OpenID configuration of *authority* (https, without a trailing slash) and return the part that is kept.

    Entra serves it below ``/v2.0``, other providers directly (OpenID Connect Discovery 1.0 §4). Raises Temporary,
    and Misconfigured if there is none, if it lacks what is needed, or if an endpoint is not https.
    """
    needed = ("issuer", "authorization_endpoint", "token_endpoint")
    fault = "is not there"
    for base in (f"{authority}/v2.0", authority):
        document = get_json(f"{base}/.well-known/openid-configuration")
        names = (*needed, "device_authorization_endpoint")
        endpoints = {name: document[name] for name in names if isinstance(document.get(name), str) and document[name]}
        missing = [name for name in needed if name not in endpoints]
        insecure = [url for name, url in endpoints.items() if name != "issuer" and not url.startswith("https://")]
        if not missing and not insecure:
            return endpoints
        if document:
            fault = f"names an address that is not https: {insecure[0]}" if insecure else f"names no {missing[0]}"
    raise errors.Misconfigured(
        f"The OpenID configuration of {authority} {fault}",
        meaning="Without it, who signed in and who receives the token cannot be checked",
        remedy=Remedy("Correct what --authority names, or ask its administrator to repair the configuration"),
    )
